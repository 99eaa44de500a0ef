"""A token's claims, with those that identify a person masked.

Shown as they are: claims that say what a token is. All others may identify people, or were put
there by the customer, and are masked unless their user asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHOWN = frozenset(
    {
        *("aud", "azp", "exp", "gty", "iat", "iss", "nbf", "scope", "scp", "v"),
        *("feature_flags", "org_code", "permissions", "roles", "x-hasura-permissions"),
    }
)


def shown(claims: Mapping[str, Any], *, reveal: bool) -> dict[str, Any]:
    """Return the claims, those that may identify a person masked.

    Args:
        claims: of a token.
        reveal: mask nothing.

    Example:
        >>> shown({"azp": "a1", "sub": "kp_0ba7"}, reveal=False)
        {'azp': 'a1', 'sub': '*** (7 characters)'}
    """
    return {
        name: value if reveal or name in SHOWN else _mask(value) for name, value in claims.items()
    }


def _mask(value: object) -> str:
    if isinstance(value, str):
        return f"*** ({len(value)} characters)"
    return f"*** ({type(value).__name__})"
