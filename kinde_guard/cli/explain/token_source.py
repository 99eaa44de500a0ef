"""The token to explain: from the command line, standard input or the environment."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from kinde_guard.cli.errors import WrongUsage

VARIABLE = "KINDE_TOKEN"
LARGEST = 1_048_576
"""Characters that are read of standard input; no token is so long."""


def token_from(argument: str | None, environ: Mapping[str, str]) -> str:
    """Return the token, without what was pasted around it.

    Args:
        argument: the token, ``-`` for standard input, ``None`` for the environment.
        environ: the environment.

    Raises:
        WrongUsage: there is none.
    """
    where, text = _found(argument, environ)
    token = re.sub(r"^(authorization:\s*)?(bearer\s+)?", "", text.strip(), flags=re.IGNORECASE)
    if not token:
        raise WrongUsage(
            f"{where} no token; give one as argument, on standard input with -, or in {VARIABLE}"
        )
    return token


def _found(argument: str | None, environ: Mapping[str, str]) -> tuple[str, str]:
    if argument == "-":
        return "standard input holds", _standard_input()
    if argument is not None:
        return "the argument holds", argument
    return f"{VARIABLE} holds", environ.get(VARIABLE, "")


def _standard_input() -> str:
    if sys.stdin is None:
        return ""
    try:
        return sys.stdin.read(LARGEST)
    except (OSError, ValueError):
        # It is closed, or not text: there is no token in it.
        return ""
