"""What a refusal says, as text: the ``WWW-Authenticate`` challenge and the problem document.

Both are pure functions of the error and of the realm: fixed sentences and the application's own
scope names, never a character of what the caller sent.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from kinde_guard.vocabulary.errors import (
    GuardError,
    InsufficientPermissions,
    InsufficientScope,
    KeysUnavailable,
)


def challenge(error: GuardError, realm: str) -> str | None:
    """Return the value of ``WWW-Authenticate``, or ``None`` where a challenge would be a lie.

    Args:
        error: the refusal.
        realm: the protection space; already checked to be plain quoted-string characters.

    Source: RFC 6750, section 3. A 503 has no challenge: another token would not help.

    Example:
        >>> from kinde_guard import MissingToken
        >>> challenge(MissingToken(), "api")
        'Bearer realm="api"'
    """
    if isinstance(error, KeysUnavailable):
        return None
    parameters = {"realm": realm}
    if error.error is not None:
        parameters |= {"error": error.error, "error_description": error.description}
    if isinstance(error, InsufficientScope):
        parameters["scope"] = " ".join(error.required)
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())


def problem(error: GuardError) -> dict[str, Any]:
    """Return the body of the answer, a problem document.

    Args:
        error: the refusal.

    Source: RFC 9457; ``error`` is the code of RFC 6750, ``reason`` is this package's own.

    Example:
        >>> from kinde_guard import ExpiredToken
        >>> problem(ExpiredToken())["reason"]
        'expired_token'
    """
    document = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.description,
        "error": error.error,
        "reason": error.reason,
    }
    if isinstance(error, InsufficientScope):
        document["required_scopes"] = list(error.required)
    if isinstance(error, InsufficientPermissions):
        document["required_permissions"] = list(error.required)
    return document
