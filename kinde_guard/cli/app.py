"""The commands and their options; what they do stands in modules of their own.

Exit codes: 0 fine, 1 a finding, 2 wrong usage, 130 interrupted. Every error is one line on standard
error, those of the command line's own parser included.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from kinde_guard.cli.inspection import doctor, explain, routes
from kinde_guard.cli.scopes.commands import scopes_app

app = typer.Typer(
    name="kinde-guard",
    help="Guard FastAPI services with Kinde access tokens: tools for developers.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.callback()
def every_command() -> None:
    """Guard FastAPI services with Kinde access tokens: tools for developers."""


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the tour.")] = False,
    as_json: Json = False,
) -> None:
    """Show a guarded API at work, answer by answer.

    Starts local Kinde and the example users API, sends real requests, and goes on serving. With
    KINDE_DOMAIN, KINDE_CLIENT_ID, KINDE_CLIENT_SECRET and KINDE_AUDIENCE set, it uses that tenant.

    Example: kinde-guard demo --once
    """
    from kinde_guard.cli.demo.command import run_demo  # noqa: PLC0415 - only this command needs it

    raise typer.Exit(run_demo(once=once, as_json=as_json, environ=os.environ))


@app.command()
def local(
    *,
    host: Annotated[str, typer.Option(help="A loopback address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8787,
    tls: Annotated[bool, typer.Option("--tls", help="Serve https, with an own CA.")] = False,
    database: Annotated[
        Path | None, typer.Option("--db", metavar="FILE", help="Keep the state in this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run local Kinde, a stand-in for a tenant, for development only.

    Its certificate authority can vouch for this machine only. With --db it lies beside the file,
    and stays the same from one run to the next.

    Example: kinde-guard local --tls --db kinde.db
    """
    from kinde_guard.cli.local import run_local  # noqa: PLC0415 - only this command needs it

    run_local(host=host, port=port, tls=tls, database=database, as_json=as_json)


@app.command()
def token(
    *,
    scopes: Annotated[
        list[str] | None, typer.Option("--scope", help="Ask for this one; may be repeated.")
    ] = None,
    audience: Annotated[
        str | None, typer.Option(metavar="AUDIENCE", help="The API; else KINDE_AUDIENCE.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print an access token with all that was granted, or some of it.

    KINDE_DOMAIN, KINDE_CLIENT_ID and KINDE_CLIENT_SECRET name the tenant and a machine application.
    Kinde bills each token.

    Example: TOKEN=$(kinde-guard token --scope read:users)
    """
    from kinde_guard.cli.token import run_token  # noqa: PLC0415 - only this command needs it

    run_token(os.environ, scopes=scopes or (), api=audience, as_json=as_json)


app.add_typer(scopes_app, name="scopes")
for command in (explain, routes, doctor):
    app.command()(command)


def run() -> int:
    """Run a command line and return its exit code."""
    try:
        return app(prog_name="kinde-guard", standalone_mode=False) or 0
    except typer.TyperException as error:
        sys.stderr.write(f"kinde-guard: {_one_line(error.format_message())}\n")
        return error.exit_code


_TOKEN = re.compile(r"eyJ[\w-]+(?:\.[\w-]*)*")
"""A token, or the beginning of one: ``{"`` in base64url, and what follows it."""


def _one_line(message: str) -> str:
    """Return a message, part of which may come from a server, as one line of plain text.

    It shows no token: a slip of the keyboard puts one where a command or an option belongs.
    """
    line = "".join(letter for letter in " ".join(message.split()) if letter.isprintable())
    return _TOKEN.sub("<token>", line)
