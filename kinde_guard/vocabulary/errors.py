"""Exceptions for rejected requests, one class per reason.

A class is its own specification: the stable ``reason`` (which is also its counter in
``guard.stats``), the HTTP ``status``, the RFC 6750 ``error`` code and a ``description``, a fixed
English sentence. No character that a caller sent is kept in an error, so an error can be logged,
counted and answered as it is.

Every rejection is a :class:`fastapi.HTTPException`, so whatever answers those, in FastAPI,
Starlette or an application's own code, answers these with the right status and headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from copyreg import __newobj__  # type: ignore[attr-defined]
from typing import Any, ClassVar

from fastapi import HTTPException


class GuardError(HTTPException):
    """A request is rejected. Catch this to catch every rejection.

    Attributes:
        status_code: the HTTP status.
        detail: the description.
        headers: the challenge and ``Retry-After``, where the answer has them.

    Source: RFC 6750, section 3.1, for the codes and their statuses.

    Example:
        >>> ExpiredToken.reason, ExpiredToken.status, ExpiredToken.error
        ('expired_token', 401, 'invalid_token')
        >>> MissingToken().headers
        {'WWW-Authenticate': 'Bearer'}
    """

    reason: ClassVar[str] = "refused"
    status: ClassVar[int] = 401
    error: ClassVar[str | None] = None
    description: ClassVar[str] = "The request was refused."

    _headers: Mapping[str, str] | None = None

    def __init__(self) -> None:
        super().__init__(self.status, self.description)

    @property
    def headers(self) -> Mapping[str, str] | None:
        """The challenge and ``Retry-After``; without realm until a guard has completed it."""
        if self._headers is None:
            self.set_challenge()
        return self._headers

    @headers.setter
    def headers(self, headers: Mapping[str, str] | None) -> None:
        self._headers = headers

    def set_challenge(
        self,
        *,
        realm: str | None = None,
        scope: str | None = None,
        resource_metadata: str | None = None,
    ) -> None:
        """Write the headers anew, for the protection space of a guard.

        Args:
            realm: the protection space; plain quoted-string characters.
            scope: the scopes that the request needs, space separated; only for an error that does
                not name them itself.
            resource_metadata: URL of the protected resource metadata.

        Source: RFC 6750, section 3; RFC 9728, section 5.1.
        """
        value = self._challenge(realm, scope, resource_metadata)
        self.headers = {} if value is None else {"WWW-Authenticate": value}

    def problem_members(self) -> dict[str, Any]:
        """Return what the problem document says besides its usual members."""
        return {}

    def _challenge(
        self, realm: str | None, scope: str | None, resource_metadata: str | None
    ) -> str | None:
        parameters = {
            "realm": realm,
            "error": self.error,
            "error_description": self.error and self.description,
            "scope": scope,
            "resource_metadata": resource_metadata,
        }
        listed = [f'{name}="{value}"' for name, value in parameters.items() if value is not None]
        return " ".join(["Bearer", ", ".join(listed)]).rstrip()

    def __str__(self) -> str:
        return self.description

    def __reduce__(self) -> tuple[object, ...]:
        # Copied and pickled without __init__, whose arguments are not those of the exception.
        return __newobj__, (type(self), *self.args), vars(self)


class MissingToken(GuardError):
    """No bearer token was presented; RFC 6750 gives this case no error code."""

    reason = "missing_token"
    description = "A bearer access token is required."


class InvalidRequest(GuardError):
    """The credential was presented in more than one way, or more than once."""

    reason = "invalid_request"
    status = 400
    error = "invalid_request"
    description = "The request must present exactly one access token."


class InvalidToken(GuardError):
    """A token was presented and is not to be trusted. Its subclasses say why."""

    reason = "invalid_token"
    error = "invalid_token"
    description = "The access token is not valid."


class MalformedToken(InvalidToken):
    """The token is not a strictly formed, compact JWS access token (RFC 7515, section 7.1)."""

    reason = "malformed_token"
    description = "The access token is malformed."


class UnsupportedAlgorithm(InvalidToken):
    """The token's ``alg`` is not allowed here, or is not the algorithm of its key."""

    reason = "unsupported_algorithm"
    description = "The access token is signed with an algorithm that is not accepted."


class UnknownKey(InvalidToken):
    """The issuer's current key set has no key with the token's key id."""

    reason = "unknown_key"
    description = "The access token is signed with an unknown key."


class InvalidSignature(InvalidToken):
    """The signature is not that of the key which the token names."""

    reason = "invalid_signature"
    description = "The access token's signature is wrong."


class ExpiredToken(InvalidToken):
    """``exp`` has passed (RFC 7519, section 4.1.4)."""

    reason = "expired_token"
    description = "The access token has expired."


class ImmatureToken(InvalidToken):
    """``nbf`` or ``iat`` lies in the future (RFC 7519, sections 4.1.5 and 4.1.6)."""

    reason = "immature_token"
    description = "The access token is not valid yet."


class WrongIssuer(InvalidToken):
    """``iss`` is not one of the issuers that this guard trusts."""

    reason = "wrong_issuer"
    description = "The access token was issued by another party."


class WrongAudience(InvalidToken):
    """``aud`` does not hold this API, or shows that the token is meant for the issuer itself."""

    reason = "wrong_audience"
    description = "The access token is meant for another audience."


class InvalidClaim(InvalidToken):
    """A claim that is needed is missing, or a claim has the wrong type."""

    reason = "invalid_claim"
    description = "The access token lacks a required claim or holds one of the wrong type."


class RevokedToken(InvalidToken):
    """The credential, its user, organization or application was revoked."""

    reason = "revoked_token"
    description = "The access token was revoked."


class InvalidApiKey(InvalidToken):
    """The API key is unknown, not active, or not for this API."""

    reason = "invalid_api_key"
    description = "The API key is not valid."


class AccessDenied(GuardError):
    """The token is good, but does not allow what was asked."""

    reason = "access_denied"
    status = 403
    error = "insufficient_scope"
    description = "The access token does not allow this request."


class InsufficientScope(AccessDenied):
    """The token lacks scopes.

    Args:
        required: the names of all scopes that the route asks for. They come from the code of the
            application, never from the token.
    """

    reason = "insufficient_scope"
    description = "The access token lacks a scope that this request needs."

    def __init__(self, required: tuple[str, ...]) -> None:
        self.required = required
        super().__init__()

    def problem_members(self) -> dict[str, Any]:
        """Return the scopes that the request needs."""
        return {"required_scopes": list(self.required)}

    def _challenge(
        self, realm: str | None, _scope: str | None, resource_metadata: str | None
    ) -> str | None:
        return super()._challenge(realm, " ".join(self.required), resource_metadata)


class InsufficientPermissions(AccessDenied):
    """The user lacks permissions in the organization that the token is bound to.

    Args:
        required: the names of all permissions that the route asks for; they come from its code.
    """

    reason = "insufficient_permissions"
    description = "The access token lacks a permission that this request needs."

    def __init__(self, required: tuple[str, ...]) -> None:
        self.required = required
        super().__init__()

    def problem_members(self) -> dict[str, Any]:
        """Return the permissions that the request needs."""
        return {"required_permissions": list(self.required)}


class InsufficientRole(AccessDenied):
    """The user lacks roles in the organization that the token is bound to.

    Args:
        required: the keys of all roles that the route asks for; they come from its code.
    """

    reason = "insufficient_role"
    description = "The access token lacks a role that this request needs."

    def __init__(self, required: tuple[str, ...]) -> None:
        self.required = required
        super().__init__()

    def problem_members(self) -> dict[str, Any]:
        """Return the roles that the request needs."""
        return {"required_roles": list(self.required)}


class FeatureUnavailable(AccessDenied):
    """A feature flag is off, absent, or has another value than the route asks for.

    Args:
        required: the feature flags that the route asks for, each with its value; they come from
            its code.
    """

    reason = "feature_unavailable"
    description = "The access token lacks a feature that this request needs."

    def __init__(self, required: dict[str, Any]) -> None:
        self.required = required
        super().__init__()

    def problem_members(self) -> dict[str, Any]:
        """Return the feature flags that the request needs."""
        return {"required_features": dict(self.required)}


class WrongOrganization(AccessDenied):
    """The token is bound to another organization than the request is for, or to none."""

    reason = "wrong_organization"
    description = "The access token is not for the organization of this request."


class _RetryLater(GuardError):
    # The answer has no challenge: another credential would not help.

    def __init__(self, retry_after: int = 1) -> None:
        self.retry_after = max(1, retry_after)
        super().__init__()

    def set_challenge(
        self,
        *,
        realm: str | None = None,  # noqa: ARG002
        scope: str | None = None,  # noqa: ARG002
        resource_metadata: str | None = None,  # noqa: ARG002
    ) -> None:
        """Set ``Retry-After``; there is no challenge."""
        self.headers = {"Retry-After": str(self.retry_after)}


class TooManyUnknownKeys(_RetryLater):
    """Too many unknown API keys were presented in the last minute.

    Args:
        retry_after: whole seconds after which asking again makes sense, at least 1.
    """

    reason = "too_many_unknown_keys"
    status = 429
    error = "too_many_requests"
    description = "Too many unknown API keys were presented; this one was not looked up."


class TemporarilyUnavailable(_RetryLater):
    """Whether the credential is valid cannot be decided at the moment.

    Args:
        retry_after: whole seconds after which asking again makes sense, at least 1.
    """

    reason = "temporarily_unavailable"
    status = 503
    error = "temporarily_unavailable"
    description = "Credentials cannot be verified at the moment."


class KeysUnavailable(TemporarilyUnavailable):
    """No usable keys of the issuer can be had at the moment."""

    reason = "keys_unavailable"
    description = "Access tokens cannot be verified at the moment."


class ApiKeysUnavailable(TemporarilyUnavailable):
    """Whether the API key is valid cannot be asked at the moment."""

    reason = "api_keys_unavailable"
    description = "API keys cannot be verified at the moment."


class RevocationsUnavailable(TemporarilyUnavailable):
    """The list of revocations is missing or too old."""

    reason = "revocations_unavailable"
    description = "Whether access tokens were revoked cannot be decided at the moment."


class ConfigurationError(ValueError):
    """A setting makes no sense. The message names it, what was given and what was expected."""


class InvalidKeySet(ValueError):
    """A document is no JSON Web Key Set, or holds no key that can verify a signature."""
