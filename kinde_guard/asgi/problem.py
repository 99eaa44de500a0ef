"""The problem document that answers a rejected request.

A pure function of the error: fixed sentences and the application's own names, never a character of
what the caller sent. The challenge stands in the error's own headers.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from kinde_guard.vocabulary.errors import GuardError


def problem(error: GuardError) -> dict[str, Any]:
    """Return the body of the answer, a problem document.

    Args:
        error: the rejection.

    Source: RFC 9457; ``error`` is the code of RFC 6750, ``reason`` is this package's own.

    Example:
        >>> from kinde_guard import ExpiredToken
        >>> problem(ExpiredToken())["reason"]
        'expired_token'
    """
    return {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.description,
        "error": error.error,
        "reason": error.reason,
        **error.problem_members(),
    }
