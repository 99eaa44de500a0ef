"""Audiences and scopes that a tenant is started with, checked before anything is stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_AUDIENCE: Final = re.compile(r"[!#%&()*+,./0-9:;=?@A-Z\[\]^_a-z{|}~-]{1,1000}")
"""Visible ASCII without quotes, backslash, backtick and dollar, so that it fits an env file."""
_SCOPE: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,64}")
"""RFC 6749, section 3.3, and at most the 64 characters of a name at Kinde."""


def checked_audiences(given: Sequence[str]) -> tuple[str, ...]:
    """Return audiences.

    Raises:
        ValueError: one cannot be an audience, or is given twice.
    """
    return _checked("audience", given, _AUDIENCE, "a URL such as https://api.acme.com")


def checked_scopes(given: Sequence[str]) -> tuple[str, ...]:
    """Return names of scopes.

    Raises:
        ValueError: one cannot be a scope, or is given twice.
    """
    return _checked("scope", given, _SCOPE, "a name such as read:users, of at most 64 characters")


def _checked(
    what: str, given: Sequence[str], form: re.Pattern[str], expected: str
) -> tuple[str, ...]:
    for position, value in enumerate(given):
        if form.fullmatch(value) is None:
            raise ValueError(f"{what}: {value!r} was given, but it must be {expected}")
        if value in given[:position]:
            raise ValueError(f"{what}: {value!r} was given twice")
    return tuple(given)
