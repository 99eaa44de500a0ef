"""The token to explain: from the command line, standard input or the environment."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Mapping

from kinde_guard.cli.errors import WrongUsage

VARIABLE = "KINDE_TOKEN"
LARGEST = 1_048_576
"""Bytes that are read of standard input; tokens are shorter."""
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""What PowerShell and editors on Windows put before text."""


def token_from(argument: str | None, environ: Mapping[str, str]) -> str:
    """Return the token without a header name or a scheme before it.

    Args:
        argument: the token, ``-`` for standard input, ``None`` for the environment.
        environ: the environment.

    Raises:
        WrongUsage: there is no token.
    """
    where, text = _read(argument, environ)
    text = text.strip().removeprefix("\ufeff")
    token = re.sub(r"^(authorization:\s*)?(bearer\s+)?", "", text.strip(), flags=re.IGNORECASE)
    if not token:
        raise WrongUsage(
            f"{where} no token; give one as argument, on standard input with -, or in {VARIABLE}"
        )
    return token


def _read(argument: str | None, environ: Mapping[str, str]) -> tuple[str, str]:
    if argument == "-":
        return "standard input holds", _standard_input()
    if argument is not None:
        return "the argument holds", argument
    return f"{VARIABLE} holds", environ.get(VARIABLE, "")


def _standard_input() -> str:
    if sys.stdin is None:
        return ""
    try:
        # Bytes where there are any: a byte order mark reads as letters in most code pages.
        data: bytes | str = getattr(sys.stdin, "buffer", sys.stdin).read(LARGEST)
        return data if isinstance(data, str) else _decoded(data)
    except (OSError, ValueError):
        # Closed, or not text.
        return ""


def _decoded(data: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return data.removeprefix(mark).decode(encoding)
    return data.decode()
