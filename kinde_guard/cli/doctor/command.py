"""The command ``kinde-guard doctor``: every examination in turn, each ok or what to do."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kinde_guard import ConfigurationError, KindeGuard
from kinde_guard.audit.guard_mounts import mounted_guards
from kinde_guard.audit.operations import list_operations
from kinde_guard.cli.app_loading import load_app
from kinde_guard.cli.doctor.diagnosis import Diagnosis, Health
from kinde_guard.cli.doctor.discovery import diagnose_clock, diagnose_discovery, discover
from kinde_guard.cli.doctor.key_sets import diagnose_keys
from kinde_guard.cli.doctor.revocations import diagnose_revocations
from kinde_guard.cli.doctor.trial_token import diagnose_token
from kinde_guard.cli.errors import WrongUsage
from kinde_guard.cli.network import check_network_settings
from kinde_guard.cli.plain_text import printable
from kinde_guard.engine import GuardEngine

_MARKS = {
    Health.OK: ("ok", "green"),
    Health.ILL: ("FAIL", "bold red"),
    Health.SKIPPED: ("-", "dim"),
}


def run_doctor(*, address: str | None, as_json: bool, environ: Mapping[str, str]) -> int:
    """Examine everything; return 1 if something is wrong, 0 otherwise.

    Args:
        address: ``MODULE:APP``, whose guard is examined; ``None`` for that of the environment.
        as_json: print JSON.
        environ: the environment.

    Raises:
        WrongUsage: there are no settings to examine, or they make no sense.
    """
    check_network_settings(environ)
    for name in ("kinde_guard", "kinde_guard.keys", "kinde_guard.client"):
        # The report contains what they log.
        logging.getLogger(name).addHandler(logging.NullHandler())
    found = asyncio.run(_examine(_guard(address), environ))
    if as_json:
        sys.stdout.write(f"{json.dumps(_to_json(found))}\n")
    else:
        _show(Console(highlight=False), found)
    return 1 if any(one.health is Health.ILL for one in found) else 0


def _guard(address: str | None) -> GuardEngine:
    if address is None:
        try:
            return KindeGuard.from_env()
        except ConfigurationError as error:
            raise WrongUsage(str(error)) from error
    app = load_app(address)
    # A guard there is: load_app made sure of it.
    mounts = mounted_guards(app) or next(
        each.guards for each in list_operations(app) if each.guards
    )
    return mounts[-1].guard


async def _examine(guard: GuardEngine, environ: Mapping[str, str]) -> list[Diagnosis]:
    settings = guard.settings
    found = [_settings(guard)]
    revocations = await diagnose_revocations(environ)
    if revocations is not None:
        found.append(revocations)
    for number, issuer in enumerate(settings.issuers):
        answer = await asyncio.to_thread(discover, issuer, settings)
        found.append(diagnose_discovery(issuer, settings, answer))
        found.append(await diagnose_keys(issuer, settings))
        if number == 0:
            found.append(diagnose_clock(settings, answer))
    if any(one.name == "keys" and one.health is Health.ILL for one in found):
        says = "no test token: without keys it could not be verified"
        return [*found, Diagnosis("token", Health.SKIPPED, says)]
    async with guard:
        found.append(await diagnose_token(guard, environ))
    return found


def _settings(guard: GuardEngine) -> Diagnosis:
    audience = guard.settings.audience
    issuers = " and ".join(guard.settings.issuers)
    if audience is None:
        says = f"tokens of {issuers} for any audience"
        remedy = "name your API with audience=, or tokens for other APIs are let in too"
        return Diagnosis("settings", Health.OK, says, remedy)
    return Diagnosis("settings", Health.OK, f"tokens of {issuers} for {' or '.join(audience)}")


def _to_json(found: Sequence[Diagnosis]) -> dict[str, object]:
    healthy = not any(one.health is Health.ILL for one in found)
    return {"healthy": healthy, "examinations": [asdict(one) for one in found]}


def _show(console: Console, found: Sequence[Diagnosis]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in found:
        mark, style = _MARKS[one.health]
        says = Text(printable(one.says, 400))
        if one.remedy:
            says.append(f"\n{one.remedy}", style="italic")
        table.add_row(Text(mark, style=style), one.name, says)
    console.print(table)
    ill = sum(one.health is Health.ILL for one in found)
    verdict = f"\n{ill} of {len(found)} failed." if ill else "\nAll is well."
    console.print(Text(verdict, style="bold red" if ill else "bold green"))
