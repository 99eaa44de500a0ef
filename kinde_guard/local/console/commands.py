"""Command lines that work as they are pasted into a POSIX shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from kinde_guard.local.console.operations import Operation

UNTOUCHED = Operation("GET", "/")
"""Asked for when nothing is known of an API."""


def call_command(base: str, operation: Operation, token: str, ca: Path | None = None) -> str:
    """Return a command that calls an operation with a token.

    Example:
        >>> call_command("http://127.0.0.1:8000", Operation("GET", "/users"), "abc")
        "curl -i http://127.0.0.1:8000/users -H 'Authorization: Bearer abc'"
    """
    method = () if operation.method == "GET" else ("-X", operation.method)
    url = f"{base}{operation.path}"
    # Braces and brackets are patterns to curl, which names its own way to mean them literally.
    literally = ("-g",) if set("{}[]") & set(url) else ()
    header = ("-H", f"Authorization: Bearer {token}")
    return shlex.join(["curl", "-i", *literally, *method, *_trust(ca), url, *header])


def token_command(issuer: str, parameters: Mapping[str, str], ca: Path | None = None) -> str:
    """Return a command that asks for such a token; parameters without a value are left out.

    Example:
        >>> token_command("http://127.0.0.1:8787", {"audience": "my api", "scope": ""})
        "curl http://127.0.0.1:8787/oauth2/token --data-urlencode 'audience=my api'"
    """
    fields = [
        word
        for name, value in parameters.items()
        if value
        for word in ("--data-urlencode", f"{name}={value}")
    ]
    return shlex.join(["curl", *_trust(ca), f"{issuer}/oauth2/token", *fields])


def easiest(operations: Sequence[Operation], scopes: Sequence[str]) -> Operation:
    """Return the operation to try first: one that the token opens and that only reads."""

    def effort(operation: Operation) -> tuple[bool, bool, bool, bool]:
        return (
            not operation.is_opened_by(scopes),
            operation.is_public,
            operation.method != "GET",
            "{" in operation.path,
        )

    return min(operations, key=effort, default=UNTOUCHED)


def _trust(ca: Path | None) -> tuple[str, ...]:
    return () if ca is None else ("--cacert", str(ca))
