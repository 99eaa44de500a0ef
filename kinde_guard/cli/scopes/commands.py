"""The commands ``kinde-guard scopes ...`` and their options."""

from __future__ import annotations

import os
from typing import Annotated

import typer

scopes_app = typer.Typer(
    help="See and change scopes, by Kinde's Management API.",
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Api = Annotated[
    str | None, typer.Option("--api", metavar="AUDIENCE", help="The API; else KINDE_AUDIENCE.")
]
WhichApplication = Annotated[str, typer.Argument(metavar="APPLICATION", help="Name or client id.")]
WhichScopes = Annotated[list[str], typer.Argument(metavar="SCOPE...", help="Their names.")]
WhichApp = Annotated[str, typer.Argument(metavar="MODULE:APP", help="Such as users_api:app.")]


@scopes_app.callback(invoke_without_command=True)
def every_scopes_command(context: typer.Context) -> None:
    """See and change scopes, by Kinde's Management API.

    KINDE_DOMAIN names the tenant. KINDE_MANAGEMENT_CLIENT_ID and KINDE_MANAGEMENT_CLIENT_SECRET, or
    else KINDE_CLIENT_ID and KINDE_CLIENT_SECRET, are of a machine application that is authorized
    for the Kinde Management API. Each command asks for one token, which Kinde bills, with just the
    scopes that it needs.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@scopes_app.command("list")
def list_(
    application: Annotated[
        str | None, typer.Argument(metavar="[APPLICATION]", help="Name or client id.")
    ] = None,
    *,
    api: Api = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Get a token of the application; Kinde bills it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the scopes of an API, and those that an application holds.

    Kinde has no request that lists what an application was granted: --ask looks into a token, for
    which it needs the application's own KINDE_CLIENT_ID and KINDE_CLIENT_SECRET.

    Example: kinde-guard scopes list "Back office" --api https://api.acme.com --ask
    """
    from kinde_guard.cli.scopes import actions  # noqa: PLC0415 - only these commands need it

    actions.run_list(os.environ, application=application, api=api, ask=ask, as_json=as_json)


@scopes_app.command()
def grant(
    application: WhichApplication,
    scopes: WhichScopes,
    *,
    api: Api = None,
    authorize: Annotated[
        bool, typer.Option("--authorize", help="Authorize it for the API, if it is not.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Grant scopes of an API to an application.

    Example: kinde-guard scopes grant Reporting create:users --api https://api.acme.com
    """
    from kinde_guard.cli.scopes import actions  # noqa: PLC0415 - only these commands need it

    actions.run_grant(
        os.environ,
        application=application,
        scopes=scopes,
        api=api,
        authorize=authorize,
        as_json=as_json,
    )


@scopes_app.command()
def revoke(
    application: WhichApplication, scopes: WhichScopes, *, api: Api = None, as_json: Json = False
) -> None:
    """Revoke scopes of an API from an application.

    Example: kinde-guard scopes revoke Reporting create:users --api https://api.acme.com
    """
    from kinde_guard.cli.scopes import actions  # noqa: PLC0415 - only these commands need it

    actions.run_revoke(os.environ, application=application, scopes=scopes, api=api, as_json=as_json)


@scopes_app.command()
def diff(
    app: WhichApp,
    *,
    api: Api = None,
    missing_only: Annotated[
        bool, typer.Option("--missing-only", help="Leave out scopes that no route requires.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare the scopes that code requires with those in Kinde.

    Exit code 1 if Kinde lacks a scope; scopes that no route requires are listed only.

    Example: kinde-guard scopes diff users_api:app --api https://api.acme.com
    """
    from kinde_guard.cli.scopes import actions  # noqa: PLC0415 - only these commands need it

    code = actions.run_diff(
        os.environ, app=app, api=api, missing_only=missing_only, as_json=as_json
    )
    raise typer.Exit(code)


@scopes_app.command()
def apply(
    app: WhichApp,
    *,
    api: Api = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also remove scopes that no route requires.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add the scopes that code requires to those in Kinde.

    Shows the changes and asks before it makes them.

    Example: kinde-guard scopes apply users_api:app --api https://api.acme.com
    """
    from kinde_guard.cli.scopes import actions  # noqa: PLC0415 - only these commands need it

    actions.run_apply(os.environ, app=app, api=api, yes=yes, prune=prune, as_json=as_json)
