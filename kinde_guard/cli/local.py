"""``kinde-guard local``: local Kinde in the foreground."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from rich.console import Console

from kinde_guard.cli.errors import Finding, WrongUsage
from kinde_guard.cli.serving import go_on_serving, interruptible
from kinde_guard.cli.start_screen import show_start_screen
from kinde_guard.local import Application, LocalKinde, StartError, StoreError


def run_local(*, host: str, port: int, tls: bool, database: Path | None, as_json: bool) -> None:
    """Serve until Ctrl-C.

    Parameters:
        host: a loopback address.
        port: 0 takes a free one.
        tls: serve https.
        database: the file that keeps the tenant; None keeps it in memory.
        as_json: print one JSON object, for programs, instead of text.

    Raises:
        WrongUsage: the host is not loopback, or the file cannot be used.
        Finding: the port is taken, the certificate authority cannot be kept, or another program
            holds the file.
    """
    try:
        kinde = LocalKinde(host=host, port=port, tls=tls, database=database or ":memory:")
    except ValueError as error:
        raise WrongUsage(str(error)) from error
    try:
        with interruptible(), kinde:
            go_on_serving(lambda: _announce(kinde, database, as_json=as_json))
    except StoreError as error:
        raise WrongUsage(str(error)) from error
    except StartError as error:
        raise Finding(str(error)) from error
    except sqlite3.Error as error:
        raise Finding(f"The database {str(database)!r} cannot be used: {error}.") from error


def described(kinde: LocalKinde) -> dict[str, Any]:
    """Return what a program needs to use it."""
    management = kinde.management
    return {
        "issuer": kinde.issuer,
        "ca": kinde.ca and str(kinde.ca),
        "management": management
        and {
            "audience": kinde.management_audience,
            "client_id": management.client_id,
            "client_secret": management.client_secret,
        },
        "applications": [_described(each) for each in kinde.applications if each.type == "m2m"],
    }


def _described(application: Application) -> dict[str, Any]:
    return {
        "name": application.name,
        "client_id": application.client_id,
        "client_secret": application.client_secret,
        "apis": [
            {"audience": api.audience, "scopes": list(api.scopes)} for api in application.apis
        ],
    }


def _announce(kinde: LocalKinde, database: Path | None, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(described(kinde)), flush=True)  # noqa: T201 - this is the output
    else:
        console = Console()
        show_start_screen(console, kinde, database=database)
        console.file.flush()
