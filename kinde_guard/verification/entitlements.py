"""Permissions, roles and feature flags in the claims of a token.

A tenant's workflows may reshape these claims; roles are read in each shape that they are documented
to take. A claim of another shape grants nothing and raises nothing. Where a tenant maps claims for
Hasura, the mapped name is read if the plain one is absent.

Source: Kinde, "About access tokens", "Token customization" and "Hasura".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kinde_guard.verification.claims import HASURA
from kinde_guard.verification.scopes import parse_name_list

_CLIENT_CREDENTIALS = "client_credentials"


def is_user(claims: Mapping[str, Any]) -> bool:
    """Tell whether a token is a signed-in user's: a ``sub``, and not by client credentials.

    Example:
        >>> is_user({"sub": "kp_1"}), is_user({"sub": "kp_1", "gty": ["client_credentials"]})
        (True, False)
    """
    grants = claims.get("gty")
    if isinstance(grants, (list, str)) and _CLIENT_CREDENTIALS in grants:
        return False
    subject = claims.get("sub")
    return isinstance(subject, str) and subject != ""


def permission_names(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the permissions, which are a list of strings.

    Example:
        >>> sorted(permission_names({"x-hasura-permissions": ["read:users", "create:users"]}))
        ['create:users', 'read:users']
    """
    value = _claim(claims, "permissions")
    return parse_name_list(value) if isinstance(value, list) else frozenset()


def role_keys(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys of the roles: a list of ``{id, key, name}`` or of strings, or a string.

    Example:
        >>> role_keys({"roles": [{"id": "1", "key": "admin", "name": "Administrator"}]})
        frozenset({'admin'})
    """
    value = _claim(claims, "roles")
    if isinstance(value, list):
        value = [role.get("key") if isinstance(role, Mapping) else role for role in value]
    return parse_name_list(value)


def feature_values(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the feature flags by key; flags without a value are left out.

    Example:
        >>> feature_values({"feature_flags": {"beta": {"t": "b", "v": True}, "odd": None}})
        {'beta': True}
    """
    flags = _claim(claims, "feature_flags")
    if not isinstance(flags, Mapping):
        return {}
    return {
        key: flag["v"] for key, flag in flags.items() if isinstance(flag, Mapping) and "v" in flag
    }


def _claim(claims: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - a claim is anything
    if name in claims:
        return claims[name]
    return claims.get(HASURA + name.replace("_", "-"))
