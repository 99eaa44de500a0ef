"""Scopes: their names, and those that a token was granted.

Names are compared whole and case-sensitively. Scope claims are not combined: the first that is
present decides, even when it is empty, because in Kinde's machine-to-machine tokens ``scope`` is
what was granted while ``scp`` is merely what was asked for.

Source: RFC 6749, section 3.3; Kinde, "Token structure" of machine-to-machine applications.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# RFC 6749, 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


def granted_scopes(
    claims: Mapping[str, object], scope_claims: Iterable[str] = ("scope", "scp")
) -> frozenset[str]:
    """Return the scopes that a token was granted.

    Args:
        claims: the verified claims.
        scope_claims: names of claims, of which the first that is present decides. A string is
            split at white space, an array holds one name a member; any other value grants nothing.

    Example:
        >>> granted_scopes({"scope": "", "scp": ["read:users"]})
        frozenset()
    """
    for name in scope_claims:
        if name in claims:
            return parse_name_list(claims[name])
    return frozenset()


def parse_name_list(value: object) -> frozenset[str]:
    """Return the names in a claim that is a string or an array of strings; none for anything else.

    Example:
        >>> sorted(parse_name_list("read:users create:users"))
        ['create:users', 'read:users']
    """
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return frozenset(value)
    return frozenset()


def scope_names(names: tuple[str, ...], kind: str = "scope") -> tuple[str, ...]:
    """Check names of scopes, or of permissions, where a developer writes them.

    Args:
        names: at least one name, each of the characters that RFC 6749 allows.
        kind: what they are names of, for the error.

    Raises:
        ValueError: there is no name, or something is no name.

    Source: RFC 6749, section 3.3 (``scope-token``).

    Example:
        >>> scope_names(("read:users", "read:users"))
        ('read:users',)
    """
    if not names:
        raise ValueError(f"no {kind} was given; name at least one")
    for name in names:
        if not isinstance(name, str):
            # A list here would be one requirement that no token can meet, or worse.
            raise ValueError(
                f"{name!r} was given as a {kind}; give each {kind} as a string of its own, "
                'such as "read:users", "create:users"'
            )
        if _SCOPE_TOKEN.fullmatch(name) is None:
            raise ValueError(
                f"{name!r} is no name of a {kind}: white space and quotes are not allowed"
            )
    return tuple(dict.fromkeys(names))
