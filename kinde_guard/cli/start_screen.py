"""The start screen of local Kinde: its addresses, its applications, commands to copy."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill, indent
from typing import Final

from rich.console import Console

from kinde_guard.cli.snippets import token_command
from kinde_guard.local import Application, LocalKinde

WIDTH: Final = 80
MARGIN: Final = "  "
NAMES: Final = 15
"""The width of the column of names."""
FEW: Final = 12
"""So many scopes are told by name; of more, only their number."""

TRUST: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""Where programs look for certificates: OpenSSL, Python and httpx; Python's requests; Node."""


def show_start_screen(
    console: Console, kinde: LocalKinde, *, database: Path | None, env_file: Path | None = None
) -> None:
    """Print all that a person needs to use ``kinde``.

    Parameters:
        console: where to.
        kinde: is running.
        database: the file that keeps it; None if it is in memory.
        env_file: the file with the variables, if there is one.
    """
    _show(
        console,
        "Local Kinde, a stand-in for a Kinde tenant: for development only",
        _field("issuer", kinde.issuer),
        _field("console", f"{kinde.issuer}/console"),
        _field("state", str(database.absolute()) if database else "in memory, gone at the end"),
    )
    if env_file is not None:
        _show(console, "The variables for your application, in this shell", _sourcing(env_file))
    if kinde.ca is not None:
        _show(
            console,
            "Programs that are to trust it need its certificate authority",
            *(f"export {name}={shlex.quote(str(kinde.ca))}" for name in TRUST),
            "# The first two replace whatever Python trusts otherwise.",
        )
    for application in kinde.applications:
        if application.type == "m2m":
            _show_application(console, application.name, application)
    if kinde.management is not None:
        title = f"{kinde.management.name}: manages this tenant at {kinde.issuer}/api/v1"
        _show_application(console, title, kinde.management)
    _show_command(console, kinde)
    _show_people(console, kinde)
    # Repeated: on a small terminal the first lines have scrolled away.
    _show(console, f"Open {kinde.issuer}/console to see and change scopes. Ctrl-C ends.")


def _show_application(console: Console, title: str, application: Application) -> None:
    lines = [
        _field("client id", application.client_id),
    ]
    if application.client_secret:
        lines.append(_field("client secret", application.client_secret))
    for api in application.apis:
        many = len(api.scopes) > FEW
        scopes = f"{len(api.scopes)}; the console lists them" if many else _wrapped(api.scopes)
        lines += [_field("audience", api.audience), _field("scopes", scopes or "none")]
    _show(console, title, *lines)


def _show_people(console: Console, kinde: LocalKinde) -> None:
    """Print who can sign in where, as comments: it follows a command that is pasted."""
    emails = [user.email for user in kinde.people if user.email]
    front_end = next((each for each in kinde.applications if each.type == "spa"), None)
    if not emails or front_end is None:
        return
    _show(
        console,
        "# People sign in without a password",
        f"# {_field('front end', front_end.client_id)}",
        *(f"# {_field('e-mail', email)}" for email in emails),
        f"# TOKEN=$(kinde-guard token --user {shlex.quote(emails[0])})",
    )


def _sourcing(env_file: Path) -> str:
    return f"set -a; . {shlex.quote(str(env_file.absolute()))}; set +a"


def _show_command(console: Console, kinde: LocalKinde) -> None:
    machines = (each for each in kinde.applications if each.type == "m2m" and each.apis)
    application = next(machines, None)
    if application is None:
        return
    command = token_command(
        kinde.issuer,
        client_id=application.client_id,
        client_secret=application.client_secret,
        audience=application.apis[0].audience,
        scope=next(iter(application.apis[0].scopes), ""),
        ca=kinde.ca,
    )
    _show(console, f"A token for {application.name}, in $TOKEN", command)


def _show(console: Console, title: str, *lines: str) -> None:
    """Print a paragraph whose lines may be copied: never wrapped, never coloured."""
    console.print(title, style="bold", soft_wrap=True, markup=False, highlight=False)
    if lines:
        text = indent("\n".join(lines), MARGIN) + "\n"
        console.print(text, soft_wrap=True, markup=False, highlight=False)


def _field(name: str, value: str) -> str:
    return f"{name:<{NAMES}}{value}"


def _wrapped(names: Sequence[str]) -> str:
    """Return names on as many lines of a field as they need, each name whole."""
    return fill(
        " ".join(names),
        WIDTH - NAMES - len(MARGIN),
        break_on_hyphens=False,
        break_long_words=False,
    ).replace("\n", "\n" + " " * NAMES)
