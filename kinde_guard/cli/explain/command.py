"""The command ``kinde-guard explain``."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping

from rich.console import Console

from kinde_guard import ConfigurationError, KindeGuard
from kinde_guard.audit.guard_mounts import mounted_guards
from kinde_guard.audit.operations import list_operations
from kinde_guard.cli.app_loading import load_app
from kinde_guard.cli.errors import WrongUsage
from kinde_guard.cli.explain.claims_shown import shown
from kinde_guard.cli.explain.needs_checks import checks_of, token_of
from kinde_guard.cli.explain.report import Report, to_json
from kinde_guard.cli.explain.request import Request, denials, find
from kinde_guard.cli.explain.steps import examine
from kinde_guard.cli.explain.table import show
from kinde_guard.cli.explain.token_source import token_from
from kinde_guard.cli.network import check_network_settings
from kinde_guard.engine import GuardEngine


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
    request, guard = _asked(address, written_request)
    try:
        report = asyncio.run(_explain(raw, guard, request))
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


def _asked(address: str | None, written: str | None) -> tuple[Request | None, GuardEngine]:
    try:
        if address is None:
            return None, KindeGuard.from_env()
        app = load_app(address)
        request = find(app, written, address) if written is not None else None
        mounts = request.operation.guards if request else mounted_guards(app)
        # Some applications guard only what they mount.
        mounts = mounts or next(each.guards for each in list_operations(app) if each.guards)
    except ConfigurationError as error:
        raise WrongUsage(str(error)) from error
    except StopIteration:
        raise WrongUsage(f"{address}: no guard stands before {written}") from None
    return request, mounts[-1].guard


async def _explain(raw: str, guard: GuardEngine, request: Request | None) -> Report:
    found = await examine(raw, guard.settings)
    if not found.claims:
        return Report(found, found.checks, found.error, request, None)
    denied = denials(request, token_of(found), guard) if request else []
    checks = [*found.checks, *checks_of(found, request, denied)]
    error = found.error or next((each.error for each in denied), None)
    return Report(found, checks, error, request, None)


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(f"{json.dumps(to_json(report))}\n")
    else:
        show(Console(highlight=False), report)
