"""The commands that look and change nothing: ``explain``, ``routes``, ``doctor``; their options."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from kinde_guard.cli.routes.formats import Format

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
App = Annotated[
    str | None,
    typer.Option("--app", metavar="MODULE:APP", help="Use this application's guard."),
]


def explain(
    token: Annotated[
        str | None, typer.Argument(metavar="TOKEN", help="- reads it from standard input.")
    ] = None,
    *,
    app: App = None,
    request: Annotated[
        str | None, typer.Option(metavar="REQUEST", help='Such as "GET /users/1".')
    ] = None,
    show_claims: Annotated[
        bool, typer.Option("--show-claims", help="Show the claims, personal ones masked.")
    ] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show all claims as they are.")] = False,
    as_json: Json = False,
) -> None:
    """Say what the guard makes of a token, check by check, and what to do.

    The token is an argument, or - for standard input, or KINDE_TOKEN. The guard is that of --app,
    or of KINDE_DOMAIN and KINDE_AUDIENCE. Exit code 1 if the token would be refused.

    Example: kinde-guard token | kinde-guard explain - --app main:app --request "POST /users"
    """
    from kinde_guard.cli.explain.command import run_explain  # noqa: PLC0415 - only needed here

    code = run_explain(
        token,
        address=app,
        written_request=request,
        as_json=as_json,
        show_claims=show_claims,
        reveal=reveal,
        environ=os.environ,
    )
    raise typer.Exit(code)


def routes(
    app: Annotated[str, typer.Argument(metavar="MODULE:APP", help="main:app, main:make_app().")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 on a finding.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT", help="A path, METHOD /path or scope that is meant so."),
    ] = None,
) -> None:
    """List every route with the scopes it needs, and what looks wrong.

    Mounted applications, WebSockets and static files are among them. Nothing is called. What is
    wrong: routes without a guard or a scope, scopes that look misspelt, public paths that match
    nothing or cover a guarded route.

    Example: kinde-guard routes main:app --check --allow "GET /me"
    """
    from kinde_guard.cli.routes.command import run_routes  # noqa: PLC0415 - only needed here

    raise typer.Exit(run_routes(app, check=check, format_=format_, allow=allow or ()))


def doctor(*, app: App = None, as_json: Json = False) -> None:
    """Examine settings, discovery, keys and clock, and try a token.

    The guard is that of --app, or of KINDE_DOMAIN and KINDE_AUDIENCE. With KINDE_CLIENT_ID and
    KINDE_CLIENT_SECRET one token is asked for, which Kinde bills. Exit code 1 if something failed.

    Example: kinde-guard doctor --app main:app
    """
    from kinde_guard.cli.doctor.command import run_doctor  # noqa: PLC0415 - only needed here

    raise typer.Exit(run_doctor(address=app, as_json=as_json, environ=os.environ))
