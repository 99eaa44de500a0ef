"""Why a user's token may lack a scope that the user has: for the log line of a rejection.

Kinde puts the API scopes of a signed-in user into ``permissions``, and only where a toggle of the
application is on. The texts are fixed and hold nothing of the token.

Source: Kinde, "About access tokens" and "Token customization".
"""

from __future__ import annotations

from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.claims import HASURA
from kinde_guard.vocabulary.errors import GuardError, InsufficientScope

SETTING_IS_OFF = "the scope is among the token's permissions: set permissions_as_scopes=True"
TOGGLE_IS_OFF = (
    "the user's token has no permissions: "
    "switch on 'Include API scopes in the permissions claim' in Kinde"
)


def missing_scopes_note(
    error: GuardError, token: AccessToken | None, *, permissions_as_scopes: bool
) -> str | None:
    """Return what may be wrong where a user's token lacks a scope, if that can be told.

    Args:
        error: the rejection.
        token: the verified token; ``None`` where there is none.
        permissions_as_scopes: the guard's setting.

    Example:
        >>> token = AccessToken({"sub": "kp_1", "permissions": ["read:users"]})
        >>> error = InsufficientScope(("read:users",))
        >>> missing_scopes_note(error, token, permissions_as_scopes=False)
        "the scope is among the token's permissions: set permissions_as_scopes=True"
    """
    if not isinstance(error, InsufficientScope) or token is None or token.kind != "user":
        return None
    if not {"permissions", f"{HASURA}permissions"} & token.claims.keys():
        return TOGGLE_IS_OFF
    lacking = frozenset(error.required) - token.scopes
    if not permissions_as_scopes and lacking & token.permissions:
        return SETTING_IS_OFF
    return None
