"""The commands and their options; each command has a module of its own.

Exit codes: 0 fine, 1 a finding, 2 wrong usage, 130 interrupted. Every error is one line on standard
error, also those of the option parser.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Final

import typer

from kinde_guard.cli.errors import WrongUsage
from kinde_guard.cli.inspection import doctor, explain, routes
from kinde_guard.cli.revoke import Subject
from kinde_guard.cli.scopes.commands import scopes_app

app = typer.Typer(
    name="kinde-guard",
    help="Guard FastAPI services with Kinde access tokens: tools for developers.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

TRACEBACK: Final = "KINDE_GUARD_TRACEBACK"
"""Environment variable that lets unexpected errors end in a traceback."""

logger = logging.getLogger("kinde_guard.cli")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"kinde-guard {version('kinde-guard')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def every_command(
    context: typer.Context,
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Guard FastAPI services with Kinde access tokens: tools for developers."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End after the tour.")] = False,
    tenant: Annotated[
        bool, typer.Option("--tenant", help="Use the tenant of KINDE_DOMAIN; Kinde bills tokens.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a guarded API at work, answer by answer.

    Starts local Kinde and the example users API, sends real requests, and goes on serving. With
    --tenant it uses the tenant of KINDE_DOMAIN, KINDE_CLIENT_ID, KINDE_CLIENT_SECRET and
    KINDE_AUDIENCE instead of local Kinde.

    Example: kinde-guard demo --once
    """
    from kinde_guard.cli.demo.command import run_demo  # noqa: PLC0415 - only this command needs it

    raise typer.Exit(run_demo(once=once, tenant=tenant, as_json=as_json, environ=os.environ))


@app.command()
def local(  # noqa: PLR0913 - one parameter an option
    *,
    host: Annotated[
        str, typer.Option(help="A loopback address; others need --public-url.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8787,
    tls: Annotated[bool, typer.Option("--tls", help="Serve https, with an own CA.")] = False,
    database: Annotated[
        Path | None, typer.Option("--db", metavar="FILE", help="Keep the state in this file.")
    ] = None,
    audience: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Your API's audience; may be repeated."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A scope of that API; may be repeated."),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option("--public-url", metavar="URL", help="Where clients reach it: the issuer."),
    ] = None,
    env_file: Annotated[
        Path | None,
        typer.Option("--env-file", metavar="FILE", help="Write the variables to this file."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run local Kinde, a stand-in for a tenant, for development only.

    Its certificate authority can vouch for this machine only. With --db it lies beside the file,
    and stays the same from one run to the next. The file of --env-file is for shells, uvicorn
    --env-file and Compose; only its owner can read it.

    Example: kinde-guard local --audience https://api.acme.com --scope read:users --env-file .env
    """
    from kinde_guard.cli.local import LocalOptions, run_local  # noqa: PLC0415 - only needed here

    options = LocalOptions(
        host=host,
        port=port,
        tls=tls,
        database=database,
        audiences=tuple(audience or ()),
        scopes=tuple(scope or ()),
        public_url=public_url,
        env_file=env_file,
        as_json=as_json,
    )
    run_local(options)


@app.command()
def token(  # noqa: PLR0913 - one parameter an option
    *,
    scopes: Annotated[
        list[str] | None, typer.Option("--scope", help="Ask for this one; may be repeated.")
    ] = None,
    audience: Annotated[
        str | None, typer.Option(metavar="AUDIENCE", help="The API; else KINDE_AUDIENCE.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="E-MAIL", help="A person of local Kinde.")
    ] = None,
    login: Annotated[bool, typer.Option("--login", help="Sign in with the browser.")] = False,
    device: Annotated[bool, typer.Option("--device", help="Sign in on another device.")] = False,
    org: Annotated[
        str | None, typer.Option(metavar="CODE", help="The user's organization.")
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Front-end application; else KINDE_FRONTEND_CLIENT_ID."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65_535, help="Of the callback URL of --login.")
    ] = 3000,
    as_json: Json = False,
) -> None:
    """Print an access token of a machine, or of a user.

    KINDE_DOMAIN, KINDE_CLIENT_ID and KINDE_CLIENT_SECRET name the tenant and a machine application;
    the token holds all that was granted, or the scopes named. Kinde bills each token.

    With --user, --login or --device the token is a user's, of a front-end application.

    Example: TOKEN=$(kinde-guard token --scope read:users)
    """
    if user is None and not login and not device:
        from kinde_guard.cli.token import run_token  # noqa: PLC0415 - only this command needs it

        if org is not None:
            raise WrongUsage("--org is of users: give --user, --login or --device too")
        run_token(os.environ, scopes=scopes or (), api=audience, as_json=as_json)
        return
    from kinde_guard.cli.user_token import SignIn, run_user_token  # noqa: PLC0415

    if scopes:
        raise WrongUsage("--scope is of machines: what a user may do stands in their permissions")
    sign_in = SignIn(user=user, login=login, device=device, org=org, client_id=client_id, port=port)
    run_user_token(os.environ, sign_in, api=audience, as_json=as_json)


for command in (explain, routes, doctor):
    app.command()(command)


@app.command()
def revoke(
    subject: Annotated[
        Subject, typer.Argument(metavar="user|organization|client|token", help="What is revoked.")
    ],
    name: Annotated[str, typer.Argument(metavar="ID", help="sub, org_code, client id or jti.")],
    *,
    redis: Annotated[
        str | None, typer.Option("--redis", metavar="URL", help="Else KINDE_REVOCATIONS_URL.")
    ] = None,
    restore: Annotated[bool, typer.Option("--restore", help="Take the revocation back.")] = False,
) -> None:
    """Revoke the tokens of a user, an organization or a client, or one token.

    In force at once in every guard with revocations=RedisRevocations(URL) at the same Redis. Tokens
    that are issued afterwards are not concerned.

    Example: kinde-guard revoke user kp_0ba7 --redis redis://127.0.0.1:6379/0
    """
    from kinde_guard.cli.revoke import run_revoke  # noqa: PLC0415 - only this command needs it

    run_revoke(os.environ, subject, name, url=redis, restore=restore)


app.add_typer(scopes_app, name="scopes")


def run() -> int:
    """Run a command line and return its exit code."""
    try:
        code: int = app(prog_name="kinde-guard", standalone_mode=False) or 0
        if sys.stdout is not None and not sys.stdout.closed:
            sys.stdout.flush()
        return code
    except typer.TyperException as error:
        return _fail(error.format_message(), error.exit_code)
    except BrokenPipeError:
        # The reader, such as `head`, has read enough. At exit Python would flush and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        logger.debug("unexpected error", exc_info=True)
        if os.environ.get(TRACEBACK):
            raise
        reason = f"{type(error).__name__}: {error}".removesuffix(": ")
        return _fail(f"unexpected {reason} (set {TRACEBACK}=1 for the traceback)", 1)


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"kinde-guard: {_one_line(message)}\n")
    return code


_TOKEN = re.compile(r"eyJ[\w-]+(?:\.[\w-]*)*")
"""A token, or the beginning of one: ``{"`` in base64url, and what follows it."""


def _one_line(message: str) -> str:
    """Return a message, part of which may come from a server, as one line of plain text.

    Tokens are masked: a typing error can put one in place of a command or an option.
    """
    line = "".join(letter for letter in " ".join(message.split()) if letter.isprintable())
    return _TOKEN.sub("<token>", line)
