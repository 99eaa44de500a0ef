"""Why there is no token: each class one cause, each message says what to do about it.

They are no ``GuardError``: that a service cannot get a token of its own is no verdict about the
request that it is serving. They hold no token and no secret, and can be copied and pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from kinde_guard.vocabulary.urls import is_loopback

_MANAGE_SCOPES: Final = "Settings > Applications > the application > APIs > Manage scopes"

ADVICE: Final[Mapping[str, str]] = {
    "invalid_client": (
        "The client id or the client secret is wrong, or the application was deleted or its secret"
        " rotated: copy both anew from the application's details in Kinde."
    ),
    "unauthorized_client": (
        "Authorize the application for this audience (Settings > Applications > the application >"
        " APIs), and see that it is a machine-to-machine application."
    ),
    "invalid_scope": (
        f"Ask for fewer scopes, or grant the application those it lacks: {_MANAGE_SCOPES}."
    ),
    "invalid_request": (
        "See that the audience is exactly that of an API in Kinde (Settings > APIs) and that the"
        " domain is the tenant's own."
    ),
    "unsupported_grant_type": "See that the domain is that of a Kinde tenant.",
    "invalid_grant": "See that the application is a machine-to-machine application.",
}
"""What Kinde's pages on token errors name as causes, by error code."""


class ClientCredentialsError(Exception):
    """There is no token. Catch this to catch every cause.

    Attributes:
        retry_after: seconds for which the server asked to be left alone; None if it did not.
    """

    retry_after: float | None = None


class TokenRequestError(ClientCredentialsError):
    """The token endpoint refused the request.

    Args:
        error: its code, such as "invalid_client".
        description: what it said besides, "" if nothing.
        status: the HTTP status.

    Source: RFC 6749, section 5.2; Kinde, "Token validation errors".

    Example:
        >>> print(TokenRequestError("invalid_grant", "", 400))
        Kinde refused the token request: invalid_grant (HTTP 400). See that the application is a \
machine-to-machine application.
    """

    def __init__(self, error: str, description: str, status: int) -> None:
        super().__init__(error, description, status)
        self.error = error
        self.description = description
        self.status = status

    @property
    def advice(self) -> str:
        """What to do about it, "" where nothing is known."""
        return ADVICE.get(self.error, "")

    def __str__(self) -> str:
        said = f": {self.description}" if self.description else ""
        refused = f"Kinde refused the token request: {self.error} (HTTP {self.status}){said}"
        return f"{refused.rstrip('.')}. {self.advice}".rstrip()


class TokenEndpointUnavailable(ClientCredentialsError):
    """The token endpoint cannot be reached, is too slow, or answers what no token endpoint does.

    Args:
        url: the address that was asked.
        problem: what went wrong, as the end of a sentence.
        status: the HTTP status, None if there was no answer.

    Example:
        >>> print(TokenEndpointUnavailable("https://acme.kinde.com/oauth2/token", "it is slow"))
        No token from https://acme.kinde.com/oauth2/token: it is slow. See that the domain is the \
tenant's own, such as acme.kinde.com, and that it can be reached from here.
    """

    def __init__(self, url: str, problem: str, status: int | None = None) -> None:
        super().__init__(url, problem, status)
        self.url = url
        self.problem = problem
        self.status = status

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.status is None and is_loopback(urlsplit(self.url).hostname):
            return "Is `kinde-guard local` running?"
        return (
            "See that the domain is the tenant's own, such as acme.kinde.com, and that it can be"
            " reached from here."
        )

    def __str__(self) -> str:
        return f"No token from {self.url}: {self.problem}. {self.advice}"


class ScopeNotGranted(ClientCredentialsError):
    """The token endpoint gave a token, but without a scope that was asked for.

    Args:
        missing: the scopes that were asked for and are not there.
        granted: those that are.

    Source: RFC 6749, section 3.3 (a server may grant less than was asked for).

    Example:
        >>> ScopeNotGranted(("create:users",), frozenset({"read:users"})).missing
        ('create:users',)
    """

    def __init__(self, missing: tuple[str, ...], granted: frozenset[str]) -> None:
        super().__init__(missing, granted)
        self.missing = missing
        self.granted = granted

    def __str__(self) -> str:
        granted = ", ".join(sorted(self.granted)) or "none"
        return (
            f"Kinde did not grant {', '.join(self.missing)} (granted: {granted})."
            f" {ADVICE['invalid_scope']}"
        )
