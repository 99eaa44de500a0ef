"""``kinde-guard local``: local Kinde in the foreground."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from kinde_guard.cli.env_file import check_env_file, write_env_file
from kinde_guard.cli.errors import Finding, WrongUsage
from kinde_guard.cli.network import is_loopback
from kinde_guard.cli.serving import go_on_serving, interruptible
from kinde_guard.cli.start_screen import show_start_screen
from kinde_guard.local import Application, LocalKinde, StartError, StoreError

OPTIONS: Final = {"host": "--host", "audience": "--audience", "scope": "--scope"}
"""Options by the names of :class:`LocalKinde`'s parameters, as its errors begin with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """The options of ``kinde-guard local``.

    Attributes:
        host: the address to listen at; loopback unless there is a public URL.
        port: 0 takes a free one.
        tls: serve https.
        database: the file that keeps the tenant; None keeps it in memory.
        audiences: APIs in place of the demo's.
        scopes: the scopes of these APIs.
        public_url: the issuer, where it is not the URL that is listened at.
        env_file: where to write the variables; None for nowhere.
        as_json: print one JSON object, for programs, instead of text.
    """

    host: str = "127.0.0.1"
    port: int = 8787
    tls: bool = False
    database: Path | None = None
    audiences: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    public_url: str | None = None
    env_file: Path | None = None
    as_json: bool = False


def run_local(options: LocalOptions) -> None:
    """Serve until Ctrl-C.

    Raises:
        WrongUsage: an option makes no sense, or a file cannot be used.
        Finding: the port is taken, the certificate authority cannot be kept, or another program
            holds the database.
    """
    if options.env_file is not None:
        check_env_file(options.env_file)
    kinde = _made(options)
    database = options.database
    try:
        with interruptible(), kinde:
            go_on_serving(lambda: _announce(kinde, options))
    except StoreError as error:
        raise WrongUsage(str(error)) from error
    except StartError as error:
        raise Finding(str(error)) from error
    except sqlite3.Error as error:
        raise Finding(f"The database {str(database)!r} cannot be used: {error}.") from error


def described(kinde: LocalKinde, audiences: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a program needs to use it."""
    management = kinde.management
    return {
        "issuer": kinde.issuer,
        "ca": kinde.ca and str(kinde.ca),
        "audience": kinde.audience,
        "management": management
        and {
            "audience": kinde.management_audience,
            "client_id": management.client_id,
            "client_secret": management.client_secret,
        },
        "applications": [_described(application) for application in kinde.applications],
        "people": [
            {"id": user.id, "email": user.email, "organizations": list(user.organizations)}
            for user in kinde.people
        ],
        "environment": environment(kinde, audiences),
    }


def environment(kinde: LocalKinde, audiences: Sequence[str] = ()) -> dict[str, str]:
    """Return the variables that guard, client and command line read.

    Args:
        kinde: is running.
        audiences: those that were given; none for the tenant's first.
    """
    machine = _first(kinde, "m2m")
    front_end = _first(kinde, "spa")
    management = kinde.management
    ca = kinde.ca and str(kinde.ca)
    variables = {
        "KINDE_DOMAIN": kinde.issuer,
        "KINDE_ISSUER_URL": kinde.issuer,
        "KINDE_AUDIENCE": " ".join(audiences) or kinde.audience,
        "KINDE_CLIENT_ID": machine and machine.client_id,
        "KINDE_CLIENT_SECRET": machine and machine.client_secret,
        "KINDE_MANAGEMENT_CLIENT_ID": management and management.client_id,
        "KINDE_MANAGEMENT_CLIENT_SECRET": management and management.client_secret,
        "KINDE_FRONTEND_CLIENT_ID": front_end and front_end.client_id,
        "SSL_CERT_FILE": ca,
        "REQUESTS_CA_BUNDLE": ca,
        "NODE_EXTRA_CA_CERTS": ca,
    }
    return {name: value for name, value in variables.items() if value}


def _made(options: LocalOptions) -> LocalKinde:
    if options.public_url is None and not _is_loopback(options.host):
        raise WrongUsage(
            "host must be a loopback address such as 127.0.0.1, ::1 or localhost; got"
            f" {options.host!r}. At another address every machine that reaches the port gets any"
            " token. Inside of a container network give --public-url URL too: the URL at which"
            " clients reach local Kinde, and so the issuer of its tokens, such as http://kinde:8787"
        )
    try:
        return LocalKinde(
            host=options.host,
            port=options.port,
            tls=options.tls,
            database=options.database or ":memory:",
            audiences=options.audiences,
            scopes=options.scopes,
            public_url=options.public_url,
        )
    except ValueError as error:
        name, colon, rest = str(error).partition(":")
        option = {**OPTIONS, "public_url": "--public-url"}.get(name)
        raise WrongUsage(f"{option}{colon}{rest}" if option else str(error)) from error


def _is_loopback(host: str) -> bool:
    return is_loopback(f"http://[{host}]" if ":" in host else f"http://{host}")


def _first(kinde: LocalKinde, kind: str) -> Application | None:
    return next((each for each in kinde.applications if each.type == kind), None)


def _described(application: Application) -> dict[str, Any]:
    return {
        "name": application.name,
        "type": application.type,
        "client_id": application.client_id,
        "client_secret": application.client_secret or None,
        "apis": [
            {"audience": api.audience, "scopes": list(api.scopes)} for api in application.apis
        ],
    }


def _announce(kinde: LocalKinde, options: LocalOptions) -> None:
    # Before anything is printed: a program that reads the output may read the file next.
    if options.env_file is not None:
        write_env_file(options.env_file, environment(kinde, options.audiences))
    if not _is_loopback(options.host):
        _warn(options)
    if options.as_json:
        print(json.dumps(described(kinde, options.audiences)), flush=True)  # noqa: T201 - this is the output
    else:
        console = Console()
        show_start_screen(console, kinde, database=options.database, env_file=options.env_file)
        console.file.flush()


def _warn(options: LocalOptions) -> None:
    sys.stderr.write(
        f"kinde-guard: local Kinde listens at {options.host}: every machine that reaches this port"
        " gets any token and the console without a password. Use it inside of a container"
        f" network only. Issuer: {options.public_url}\n"
    )
    sys.stderr.flush()
