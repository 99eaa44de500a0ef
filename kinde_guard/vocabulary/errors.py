"""Every way in which the guard says no, one class each.

A class is its own specification: the stable ``reason`` (which is also its counter in
``guard.stats``), the HTTP ``status``, the RFC 6750 ``error`` code and a ``description``, a fixed
English sentence. Nothing that a caller sent is ever kept in an error, so an error can be logged,
counted and answered without a second thought.
"""

from __future__ import annotations

from copyreg import __newobj__  # type: ignore[attr-defined]
from typing import ClassVar


class GuardError(Exception):
    """A request is not let in. Catch this to catch every refusal.

    Source: RFC 6750, section 3.1, for the codes and their statuses.

    Example:
        >>> ExpiredToken.reason, ExpiredToken.status, ExpiredToken.error
        ('expired_token', 401, 'invalid_token')
    """

    reason: ClassVar[str] = "refused"
    status: ClassVar[int] = 401
    error: ClassVar[str | None] = None
    description: ClassVar[str] = "The request was refused."

    def __init__(self) -> None:
        super().__init__(self.description)

    def __reduce__(self) -> tuple[object, ...]:
        # Copied and pickled without __init__, whose arguments are not those of the exception.
        return __newobj__, (type(self), *self.args), vars(self)


class MissingToken(GuardError):
    """No bearer token was presented; RFC 6750 gives this case no error code."""

    reason = "missing_token"
    description = "A bearer access token is required."


class InvalidRequest(GuardError):
    """The token was presented in more than one way, or more than once."""

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
        super().__init__()
        self.required = required


class InsufficientPermissions(AccessDenied):
    """The user lacks permissions in the organization that the token is bound to.

    Args:
        required: the names of all permissions that the route asks for; they come from its code.
    """

    reason = "insufficient_permissions"
    description = "The access token lacks a permission that this request needs."

    def __init__(self, required: tuple[str, ...]) -> None:
        super().__init__()
        self.required = required


class WrongOrganization(AccessDenied):
    """The token is bound to another organization than the request is for, or to none."""

    reason = "wrong_organization"
    description = "The access token is not for the organization of this request."


class KeysUnavailable(GuardError):
    """No usable keys of the issuer can be had at the moment, so nothing can be decided.

    Args:
        retry_after: whole seconds after which asking again makes sense, at least 1.
    """

    reason = "keys_unavailable"
    status = 503
    error = "temporarily_unavailable"
    description = "Access tokens cannot be verified at the moment."

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__()
        self.retry_after = max(1, retry_after)


class ConfigurationError(ValueError):
    """A setting makes no sense. The message names it, what was given and what was expected."""


class InvalidKeySet(ValueError):
    """A document is no JSON Web Key Set, or holds no key that can verify a signature."""
