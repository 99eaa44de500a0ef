"""What Kinde answers about a key, and when a key is good.

Source: Kinde Management API, ``POST /api/v1/api_keys/verify``, ``GET /api/v1/apis`` and
``GET /api/v1/api_keys/{key_id}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class VerifiedKey:
    """A good API key, as Kinde described it. The key itself is not among it.

    Attributes:
        key_id: Kinde's id of the key, which outlives a rotation; ``None`` if the answer has none.
        claims: the whole answer, read-only.
        scopes: names of the scopes that the key has.
    """

    key_id: str | None
    claims: Mapping[str, Any] = field(repr=False)
    scopes: frozenset[str] = field(repr=False)


def parse_verified_key(answer: Mapping[str, Any]) -> VerifiedKey | None:
    """Return the key that an answer calls good; ``None`` if it does not, in exactly these types.

    Args:
        answer: the JSON object of the answer.

    Example:
        >>> answer = {"is_valid": True, "key_id": "api_key_1", "status": "active", "scopes": []}
        >>> parse_verified_key(answer)
        VerifiedKey(key_id='api_key_1')
        >>> parse_verified_key({**answer, "is_valid": "true"}) is None
        True
    """
    scopes, key_id = answer.get("scopes"), answer.get("key_id")
    if answer.get("is_valid") is not True or answer.get("status") != "active":
        return None
    if not _is_names(scopes) or not (key_id is None or is_key_id(key_id)):
        return None
    if not all(_is_optional_id(answer.get(name)) for name in ("user_id", "org_code")):
        return None
    return VerifiedKey(key_id, MappingProxyType(dict(answer)), frozenset(scopes or ()))


def parse_api_ids(answer: Mapping[str, Any], key_id: str) -> frozenset[str] | None:
    """Return the ids of the APIs that a key is for; ``None`` if the answer is not about this key.

    Args:
        answer: the JSON object of the answer.
        key_id: the key that was asked for.
    """
    key = answer.get("api_key")
    if not isinstance(key, dict) or key.get("id") != key_id or not _is_names(key.get("api_ids")):
        return None
    return frozenset(key["api_ids"])


def parse_apis(answer: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return the id of each API of the tenant with its audience; ``None`` if none are listed."""
    apis = answer.get("apis")
    if not isinstance(apis, list):
        return None
    pairs = [(api.get("id"), api.get("audience")) for api in apis if isinstance(api, dict)]
    return {
        api_id: audience
        for api_id, audience in pairs
        if isinstance(api_id, str) and isinstance(audience, str)
    }


def is_key_id(given: object) -> bool:
    """Tell whether it can be a key's id, and so a segment of a path as it is."""
    return isinstance(given, str) and _KEY_ID.fullmatch(given) is not None


def _is_names(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(name, str) for name in given)


def _is_optional_id(given: object) -> bool:
    return given is None or isinstance(given, str)
