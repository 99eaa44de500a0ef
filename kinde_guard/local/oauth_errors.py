"""The errors of the OAuth endpoints: one class each, worded as Kinde's token service words them.

The sentence of ``invalid_client`` is known from Kinde's own answers. It is that of Ory Fosite, so
the other sentences are Fosite's too; Kinde's pages confirm their codes, not their wording. A hint
that says what to change follows the sentence, except after ``invalid_client``, whose answer must
not tell an unknown client from a wrong secret.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from starlette.requests import Request
from starlette.responses import JSONResponse

NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
"""RFC 6749, section 5.1: nothing that these endpoints answer may be cached."""

REALM: Final = "local kinde"

_PRINTABLE: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,64}")


class OAuthError(Exception):
    """A request that an OAuth endpoint refuses (RFC 6749, section 5.2)."""

    status: ClassVar[int] = 400
    error: ClassVar[str]
    sentence: ClassVar[str]

    def __init__(self, hint: str = "") -> None:
        super().__init__(hint)
        self.description = f"{self.sentence} {hint}".rstrip()


class InvalidForm(OAuthError):
    """The request itself is malformed, or lacks a parameter."""

    error = "invalid_request"
    sentence = (
        "The request is missing a required parameter, includes an invalid parameter value,"
        " includes a parameter more than once, or is otherwise malformed."
    )


class BodyTooLarge(InvalidForm):
    """The body is larger than any honest request."""

    status = 413


class UnsupportedContentType(InvalidForm):
    """The body is no URL-encoded form."""

    status = 415


class InvalidClient(OAuthError):
    """The client id is unknown, or its secret is wrong or absent."""

    status = 401
    error = "invalid_client"
    sentence = (
        "Client authentication failed (e.g., unknown client, no client authentication included,"
        " or unsupported authentication method)."
    )


class UnauthorizedClient(OAuthError):
    """The client is known, but may not use this grant, this API or this token."""

    error = "unauthorized_client"
    sentence = "The client is not authorized to request a token using this method."


class InvalidScope(OAuthError):
    """A scope was asked for that the application was not granted."""

    error = "invalid_scope"
    sentence = "The requested scope is invalid, unknown, or malformed."


class UnsupportedGrantType(OAuthError):
    """The grant is one that is not served, or none at all."""

    error = "unsupported_grant_type"
    sentence = "The authorization grant type is not supported by the authorization server."


class InvalidGrant(OAuthError):
    """The code, refresh token or device code is unknown, expired, used, or another client's."""

    error = "invalid_grant"
    sentence = (
        "The provided authorization grant (e.g., authorization code, resource owner credentials)"
        " or refresh token is invalid, expired, revoked, does not match the redirection URI used"
        " in the authorization request, or was issued to another client."
    )


class UnsupportedResponseType(OAuthError):
    """Another response type than a code was asked for."""

    error = "unsupported_response_type"
    sentence = "The authorization server does not support obtaining a token using this method."


class LoginRequired(OAuthError):
    """Nothing may be shown, and the person is not signed in (OpenID Connect Core, 3.1.2.6)."""

    error = "login_required"
    sentence = "User authentication is required"


class AccessDenied(OAuthError):
    """The person or the tenant does not let the application sign in."""

    error = "access_denied"
    sentence = "The resource owner or authorization server denied the request."


class RequestNotSupported(OAuthError):
    """The request is one by value or by reference (OpenID Connect Core, 6)."""

    error = "request_not_supported"
    sentence = "The OP does not support use of the request parameter."


class AuthorizationPending(OAuthError):
    """The person has not decided yet (RFC 8628, section 3.5)."""

    error = "authorization_pending"
    sentence = "The authorization request is still pending."


class SlowDown(OAuthError):
    """The device asks more often than it was told (RFC 8628, section 3.5)."""

    error = "slow_down"
    sentence = "The authorization request is still pending, and is asked for too often."


class ExpiredDeviceCode(OAuthError):
    """The device code has expired (RFC 8628, section 3.5)."""

    error = "expired_token"
    sentence = "The device code has expired."


class InvalidBearer(OAuthError):
    """The bearer token of a request is missing, or is no active access token (RFC 6750)."""

    status = 401
    error = "invalid_token"
    sentence = "The access token is missing, expired, revoked, malformed or otherwise invalid."


async def answer_error(request: Request, error: OAuthError) -> JSONResponse:
    """Answer an ``OAuthError`` in the shape of RFC 6749: ``error`` and ``error_description``."""
    return JSONResponse(
        {"error": error.error, "error_description": error.description},
        error.status,
        {**NO_STORE, **_challenge(request, error)},
    )


def quoted(value: str) -> str:
    """Return ``value`` in quotes, for a hint; nothing, if RFC 6749 allows no such description."""
    return f" '{value}'" if _PRINTABLE.fullmatch(value) else ""


def _challenge(request: Request, error: OAuthError) -> dict[str, str]:
    """Return the challenge for the scheme that the caller tried (RFC 6749, section 5.2)."""
    tried = request.headers.get("authorization", "").partition(" ")[0].lower()
    if isinstance(error, InvalidBearer):
        code = f', error="{error.error}"' if tried == "bearer" else ""
        return {"WWW-Authenticate": f'Bearer realm="{REALM}"{code}'}
    if isinstance(error, InvalidClient) and tried == "basic":
        return {"WWW-Authenticate": f'Basic realm="{REALM}"'}
    return {}
