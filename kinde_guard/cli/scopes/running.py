"""Runs the commands: does what was asked, shows it to a person or a program, and ends truthfully.

What was done is told on standard output also where something failed; what failed is one line on
standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from kinde_guard.cli.app_loading import load_app
from kinde_guard.cli.credentials import audiences
from kinde_guard.cli.errors import Finding, WrongUsage
from kinde_guard.cli.scopes.account import Account, carry_out
from kinde_guard.cli.scopes.grants import Change, Changed, change_grants
from kinde_guard.cli.scopes.listing import api_to_json, listing
from kinde_guard.cli.scopes.lookup import api_named
from kinde_guard.cli.scopes.management import ManagementApi, Operation
from kinde_guard.cli.scopes.plan import Plan, planned, steps
from kinde_guard.cli.scopes.session import managing
from kinde_guard.cli.scopes.tables import show_account, show_changed, show_listing, show_plan
from kinde_guard.cli.scopes.wanted import Wanted, wanted_scopes


def run_list(
    environ: Mapping[str, str],
    *,
    application: str | None,
    api: str | None,
    ask: bool,
    as_json: bool,
) -> None:
    """List the scopes of an API, and what can be seen of an application's."""
    found = listing(environ, api=_api(environ, api), application=application, ask=ask)
    if as_json:
        _print_json(found.to_json())
    else:
        show_listing(_console(), found)


def run_grant(
    environ: Mapping[str, str],
    *,
    application: str,
    scopes: Sequence[str],
    api: str | None,
    authorize: bool,
    as_json: bool,
) -> None:
    """Grant scopes to an application."""
    name = _api(environ, api)
    changed = change_grants(
        environ, Change.GRANT, application=application, keys=scopes, api=name, authorize=authorize
    )
    _tell(changed, as_json=as_json)


def run_revoke(
    environ: Mapping[str, str],
    *,
    application: str,
    scopes: Sequence[str],
    api: str | None,
    as_json: bool,
) -> None:
    """Take scopes from an application."""
    name = _api(environ, api)
    changed = change_grants(environ, Change.REVOKE, application=application, keys=scopes, api=name)
    _tell(changed, as_json=as_json)


def run_diff(environ: Mapping[str, str], *, app: str, api: str | None, as_json: bool) -> int:
    """Show how code and Kinde differ; return 1 if they do, otherwise 0."""
    name, wanted = _api(environ, api), wanted_scopes(load_app(app))
    with managing(environ, Operation.LIST_APIS, Operation.LIST_SCOPES) as management:
        plan = _plan(management, name, wanted)
    if as_json:
        _print_json(plan.to_json())
    else:
        show_plan(_console(), plan, prune=None)
    return 0 if plan.is_even else 1


def run_apply(
    environ: Mapping[str, str],
    *,
    app: str,
    api: str | None,
    yes: bool,
    prune: bool,
    as_json: bool,
) -> None:
    """Add to an API what code asks for, and with ``prune`` remove what it does not ask for."""
    if as_json and not yes:
        raise WrongUsage("--json does not ask before it changes anything: give --yes too")
    name, wanted = _api(environ, api), wanted_scopes(load_app(app))
    if prune and not wanted:
        raise Finding(f"{app} asks for no scope at all: --prune would remove every one")
    further = (Operation.DELETE_SCOPE,) if prune else ()
    with managing(
        environ, Operation.LIST_APIS, Operation.LIST_SCOPES, Operation.ADD_SCOPE, *further
    ) as management:
        plan = _plan(management, name, wanted)
        if not as_json:
            show_plan(_console(), plan, prune=prune)
        changes = steps(plan, management, prune=prune)
        if changes and not yes:
            _ask_whether_to_go_on(len(changes), plan.api.name)
        account = carry_out(changes)
    _tell_account(account, plan, as_json=as_json)


def _plan(management: ManagementApi, name: str, wanted: Sequence[Wanted]) -> Plan:
    api = api_named(management.apis(), name)
    return planned(api, management.scopes(api), wanted)


def _ask_whether_to_go_on(changes: int, api: str) -> None:
    """Return if the person says yes.

    Raises:
        WrongUsage: there is nobody to ask.
        Finding: they say anything else.
    """
    # Python has no stdin at all where it was closed by whoever started it.
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
        raise WrongUsage("there is no terminal to ask at: give --yes to make the changes")
    sys.stdout.write(f"\nMake {changes} change{'' if changes == 1 else 's'} to {api}? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Finding("nothing was changed")


def _tell(changed: Changed, *, as_json: bool) -> None:
    if as_json:
        _print_json(
            {
                "api": api_to_json(changed.api),
                "application": {
                    "name": changed.application.name,
                    "client_id": changed.application.client_id,
                },
                **changed.account.to_json(),
            }
        )
    else:
        show_changed(_console(), changed)
    _end(changed.account)


def _tell_account(account: Account, plan: Plan, *, as_json: bool) -> None:
    if as_json:
        _print_json({**plan.to_json(), **account.to_json()})
    else:
        show_account(_console(), account)
    _end(account)


def _end(account: Account) -> None:
    if not account.is_complete:
        raise Finding(account.failure())


def _api(environ: Mapping[str, str], given: str | None) -> str:
    names = audiences(environ, given, option="--api")
    if len(names) > 1:
        raise WrongUsage("KINDE_AUDIENCE names several APIs: choose one with --api")
    return names[0]


def _print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


def _console() -> Console:
    return Console(highlight=False)
