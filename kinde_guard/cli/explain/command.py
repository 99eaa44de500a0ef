"""The command ``kinde-guard explain``."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping

from rich.console import Console

from kinde_guard import ConfigurationError, KindeGuard
from kinde_guard.audit.operations import posts_of, walk
from kinde_guard.cli.app_loading import load_app
from kinde_guard.cli.errors import WrongUsage
from kinde_guard.cli.explain.claims_shown import shown
from kinde_guard.cli.explain.needs_checks import checks_of, missing_scopes, token_of
from kinde_guard.cli.explain.report import Report, to_json
from kinde_guard.cli.explain.request import Request, denials, find
from kinde_guard.cli.explain.steps import examine
from kinde_guard.cli.explain.table import show
from kinde_guard.cli.explain.token_source import token_from
from kinde_guard.cli.network import check_network_settings
from kinde_guard.vocabulary.errors import InsufficientScope
from kinde_guard.vocabulary.settings import Settings


def run_explain(
    argument: str | None,
    *,
    address: str | None,
    written_request: str | None,
    as_json: bool,
    show_claims: bool,
    reveal: bool,
    environ: Mapping[str, str],
) -> int:
    """Explain a token; return 0 if the guard would let it in, 1 otherwise.

    Args:
        argument: the token, ``-`` for standard input, ``None`` for the environment.
        address: ``MODULE:APP``, whose guard is asked; ``None`` for that of the environment.
        written_request: such as ``GET /users/1``.
        as_json: print JSON.
        show_claims: print the claims too, those that may identify people masked.
        reveal: print the claims and mask nothing.
        environ: the environment.

    Raises:
        WrongUsage: there is no token, no such application or route, or no settings.
    """
    if written_request is not None and address is None:
        raise WrongUsage("--request needs --app: whose route is it?")
    check_network_settings(environ)
    raw = token_from(argument, environ)
    request, settings = _asked(address, written_request)
    try:
        report = asyncio.run(_explain(raw, settings, request))
    except ConfigurationError as error:
        # A dependency that does not fit its route; a real request would be answered with 500.
        raise WrongUsage(str(error)) from error
    if show_claims or reveal:
        report = Report(
            report.found,
            report.checks,
            report.error,
            request,
            shown(report.found.claims, reveal=reveal),
        )
    _print(report, as_json=as_json)
    return 0 if report.error is None else 1


def _asked(address: str | None, written: str | None) -> tuple[Request | None, Settings]:
    try:
        if address is None:
            return None, KindeGuard.from_env().settings
        app = load_app(address)
        request = find(app, written, address) if written is not None else None
        posts = request.operation.posts if request else posts_of(app)
        # Some applications guard only what they mount.
        posts = posts or next(one.posts for one in walk(app) if one.posts)
    except ConfigurationError as error:
        raise WrongUsage(str(error)) from error
    except StopIteration:
        raise WrongUsage(f"{address}: no guard stands before {written}") from None
    return request, posts[-1].guard.settings


async def _explain(raw: str, settings: Settings, request: Request | None) -> Report:
    found = await examine(raw, settings)
    if not found.claims:
        return Report(found, found.checks, found.error, request, None)
    token = token_of(found)
    refusals = await denials(request, token, settings) if request else []
    checks = [*found.checks, *checks_of(found, request, refusals)]
    error = found.error or next(iter(refusals), None)
    if error is None and request and missing_scopes(request.operation.needs.rules, token.scopes):
        # Starlette's own @requires, which refuses on its own account.
        error = InsufficientScope(request.operation.needs.scopes)
    return Report(found, checks, error, request, None)


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(f"{json.dumps(to_json(report))}\n")
    else:
        show(Console(highlight=False), report)
