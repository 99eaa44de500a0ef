"""What to open and what to type once the tour is over and everything goes on serving."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import indent

from rich.console import Console

from kinde_guard.cli.demo.scenarios import Api
from kinde_guard.cli.demo.stage import Stage
from kinde_guard.cli.snippets import call_command, guard_code, token_command


def show_next_steps(console: Console, stage: Stage, *, is_local: bool) -> None:
    """Print what to open and what to type, while API and tenant go on serving."""
    application, api = stage.application, stage.apis[Api.MAIN]
    token = token_command(
        stage.issuer,
        client_id=application.client_id if is_local else '"$KINDE_CLIENT_ID"',
        client_secret=application.client_secret if is_local else '"$KINDE_CLIENT_SECRET"',
        audience=application.audiences[0],
        scope="read:users",
    )
    steps: Mapping[str, str] = {
        "Open": f"{api}/docs   the API: press Authorize, paste a token, call\n"
        f"{stage.issuer}/.well-known/openid-configuration   the issuer",
        "Get a token and call": f"{token}\n{call_command(f'{api}/users')}",
        "Guard your own app": guard_code(stage.issuer, application.audiences[0]),
    }
    for title, text in steps.items():
        console.print(title, style="bold")
        _verbatim(console, text)
    console.print("Serving. Ctrl-C ends.")


def _verbatim(console: Console, text: str) -> None:
    """Print what is to be copied: never wrapped, never coloured."""
    console.print(indent(text, "  ") + "\n", soft_wrap=True, markup=False, highlight=False)
