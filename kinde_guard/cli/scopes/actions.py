"""Runs the ``scopes`` commands: requests, output and exit codes.

Completed changes are printed on standard output even if a later one fails; the failure is one line
on standard error.
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
from kinde_guard.cli.scopes.execution import Execution, execute
from kinde_guard.cli.scopes.grants import Change, Changed, change_grants
from kinde_guard.cli.scopes.listing import api_to_json, listing
from kinde_guard.cli.scopes.lookup import api_named
from kinde_guard.cli.scopes.management import ManagementApi, Operation
from kinde_guard.cli.scopes.plan import Plan, make_plan, steps
from kinde_guard.cli.scopes.required_scopes import RequiredScope, required_scopes
from kinde_guard.cli.scopes.session import management_session
from kinde_guard.cli.scopes.tables import show_changed, show_execution, show_listing, show_plan


def run_list(
    environ: Mapping[str, str],
    *,
    application: str | None,
    api: str | None,
    ask: bool,
    as_json: bool,
) -> None:
    """List the scopes of an API, and those of an application as far as Kinde shows them."""
    scopes = listing(environ, api=_api(environ, api), application=application, ask=ask)
    if as_json:
        _print_json(scopes.to_json())
    else:
        show_listing(_console(), scopes)


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
    _print_changed(changed, as_json=as_json)


def run_revoke(
    environ: Mapping[str, str],
    *,
    application: str,
    scopes: Sequence[str],
    api: str | None,
    as_json: bool,
) -> None:
    """Revoke scopes of an application."""
    name = _api(environ, api)
    changed = change_grants(environ, Change.REVOKE, application=application, keys=scopes, api=name)
    _print_changed(changed, as_json=as_json)


def run_diff(
    environ: Mapping[str, str], *, app: str, api: str | None, missing_only: bool, as_json: bool
) -> int:
    """Show the differences; return 1 if the API lacks a scope that the code requires, else 0."""
    name, required = _api(environ, api), required_scopes(load_app(app))
    with management_session(environ, Operation.LIST_APIS, Operation.LIST_SCOPES) as management:
        plan = _plan(management, name, required)
    plan = plan.without_unused() if missing_only else plan
    if as_json:
        _print_json(plan.to_json())
    else:
        show_plan(_console(), plan, prune=None, missing_only=missing_only)
    return 1 if plan.missing else 0


def run_apply(
    environ: Mapping[str, str],
    *,
    app: str,
    api: str | None,
    yes: bool,
    prune: bool,
    as_json: bool,
) -> None:
    """Add the scopes that the code requires; with ``prune`` remove those it does not."""
    if as_json and not yes:
        raise WrongUsage("--json does not ask before it changes anything: give --yes too")
    name, required = _api(environ, api), required_scopes(load_app(app))
    if prune and not required:
        raise Finding(f"{app} asks for no scope at all: --prune would remove every one")
    further = (Operation.DELETE_SCOPE,) if prune else ()
    with management_session(
        environ, Operation.LIST_APIS, Operation.LIST_SCOPES, Operation.ADD_SCOPE, *further
    ) as management:
        plan = _plan(management, name, required)
        if not as_json:
            show_plan(_console(), plan, prune=prune)
        changes = steps(plan, management, prune=prune)
        if changes and not yes:
            _ask_whether_to_go_on(len(changes), plan.api.name)
        execution = execute(changes)
    _print_execution(execution, plan, as_json=as_json)


def _plan(management: ManagementApi, name: str, required: Sequence[RequiredScope]) -> Plan:
    api = api_named(management.apis(), name)
    return make_plan(api, management.scopes(api), required)


def _ask_whether_to_go_on(changes: int, api: str) -> None:
    """Return if the user confirms.

    Raises:
        WrongUsage: standard input is not a terminal.
        Finding: any answer but yes.
    """
    # sys.stdin is None where the parent process closed it.
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
        raise WrongUsage("there is no terminal to ask at: give --yes to make the changes")
    sys.stdout.write(f"\nMake {changes} change{'' if changes == 1 else 's'} to {api}? [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Finding("nothing was changed")


def _print_changed(changed: Changed, *, as_json: bool) -> None:
    if as_json:
        _print_json(
            {
                "api": api_to_json(changed.api),
                "application": {
                    "name": changed.application.name,
                    "client_id": changed.application.client_id,
                },
                **changed.execution.to_json(),
            }
        )
    else:
        show_changed(_console(), changed)
    _raise_if_failed(changed.execution)


def _print_execution(execution: Execution, plan: Plan, *, as_json: bool) -> None:
    if as_json:
        _print_json({**plan.to_json(), **execution.to_json()})
    else:
        show_execution(_console(), execution)
    _raise_if_failed(execution)


def _raise_if_failed(execution: Execution) -> None:
    if not execution.is_complete:
        raise Finding(execution.failure())


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
