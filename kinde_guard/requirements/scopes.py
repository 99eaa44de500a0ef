"""What a route says it needs: ``require_scopes`` and its relatives.

Each is an async callable that takes nothing but the connection, so that nothing a caller sends, no
query, no body, can be taken for it, and so that FastAPI calls it without a thread. It trusts only
what the middleware left in the ASGI scope; where no guard stands before the application it answers
500 and says so in the log.
"""

from __future__ import annotations

from functools import cache

from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection

from kinde_guard.asgi.auth_state import admission
from kinde_guard.requirements.dependency import (
    NO_SCOPES,
    TokenDependency,
    check_parentheses,
    lacking,
)
from kinde_guard.requirements.requirement import Needs, Requirement
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.scopes import ScopeRule, scope_names


class ScopeDependency(TokenDependency):
    """A dependency that asks for a token and for scopes, and gives the token."""

    __slots__ = ("rule",)

    def __init__(self, rule: ScopeRule) -> None:
        self.rule = rule

    def check(self, connection: HTTPConnection, token: AccessToken) -> None:
        """See to it that a token has the scopes.

        Raises:
            InsufficientScope: it lacks one.
        """
        if not self.rule.allows(token.scopes):
            raise lacking(connection, self.rule)

    @property
    def own_needs(self) -> Needs:
        """The scopes that it was made for."""
        return Needs(rules=(self.rule,))


def require_scopes(*scopes: str) -> ScopeDependency:
    """Make a dependency that needs all of these scopes.

    Args:
        scopes: names of scopes, such as ``"read:users"``; at least one.

    Returns:
        A dependency for ``Depends(...)``, of a route, a router or an app, HTTP or WebSocket. As a
        parameter it gives the :class:`AccessToken`.

    Raises:
        ValueError: at import, where no scope or something else than a scope name is given.

    Source: RFC 6749, section 3.3; RFC 6750, section 3.1 (``insufficient_scope``).

    Example:
        >>> from fastapi import Depends, FastAPI
        >>> app = FastAPI()
        >>> @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
        ... async def list_users() -> list[str]:
        ...     return []
    """
    return _dependency(ScopeRule(all_of=scope_names(scopes)))


def require_any_scope(*scopes: str) -> ScopeDependency:
    """Make a dependency that needs at least one of these scopes.

    Args:
        scopes: names of scopes; at least one.

    Raises:
        ValueError: at import, where no scope or something else than a scope name is given.

    Source: RFC 6749, section 3.3.

    Example:
        >>> require_any_scope("read:users", "admin").rule.any_of
        ('read:users', 'admin')
    """
    return _dependency(ScopeRule(any_of=scope_names(scopes)))


def require_token(connection: HTTPConnection = None) -> ScopeDependency:  # type: ignore[assignment]
    """Make a dependency that needs a valid token, whatever its scopes.

    On paths that are not public the guard asks for a token anyway; this gives it to the route.

    Args:
        connection: never to be given. It is here to notice ``Depends(require_token)`` without the
            parentheses, which would otherwise let everybody through on a public path.

    Raises:
        ConfigurationError: the parentheses were forgotten.

    Source: RFC 6750, section 3.

    Example:
        >>> from fastapi import Depends, FastAPI
        >>> app = FastAPI()
        >>> @app.get("/me")
        ... async def me(token: AccessToken = Depends(require_token())) -> str | None:
        ...     return token.principal
    """
    check_parentheses("require_token", connection)
    return _dependency(ScopeRule())


class CurrentToken(TokenDependency):
    """Gives the token, for FastAPI's own idiom ``Security(current_token, scopes=[...])``.

    All scopes are needed, those of the dependencies around it included.

    Source: FastAPI, "OAuth2 scopes".

    Example:
        >>> from typing import Annotated
        >>> from fastapi import FastAPI, Security
        >>> app = FastAPI()
        >>> @app.get("/me")
        ... async def me(
        ...     token: Annotated[AccessToken, Security(current_token, scopes=["openid"])],
        ... ) -> str | None:
        ...     return token.principal
    """

    __slots__ = ()

    def check(self, connection: HTTPConnection, token: AccessToken) -> None:
        """Ask for nothing besides what ``Security`` names."""

    @property
    def own_needs(self) -> Needs:
        """A token."""
        return Needs(rules=(ScopeRule(),))


class OptionalToken(Requirement):
    """Gives the token if one was presented; only useful on public paths.

    Source: RFC 6750, section 3.

    Example:
        >>> from typing import Annotated
        >>> from fastapi import Depends, FastAPI
        >>> app = FastAPI()
        >>> @app.get("/greeting")
        ... async def greeting(
        ...     token: Annotated[AccessToken | None, Depends(optional_token)],
        ... ) -> str:
        ...     return "Hello" if token is None else f"Hello, {token.principal}"
    """

    __slots__ = ()

    async def __call__(
        self, connection: HTTPConnection, security_scopes: SecurityScopes = NO_SCOPES
    ) -> AccessToken | None:
        """Return the request's token, or ``None``.

        Where ``Security`` names scopes around it, it is as little optional as ``current_token``.
        """
        if security_scopes.scopes:
            return await current_token(connection, security_scopes)
        return admission(connection.scope).token

    @property
    def own_needs(self) -> Needs:
        """A token is taken, not asked for."""
        return Needs(optional=True)


current_token = CurrentToken()
optional_token = OptionalToken()


@cache
def _dependency(rule: ScopeRule) -> ScopeDependency:
    # The same rule is the same object, so FastAPI asks it once in a request however often it is
    # named, and app.dependency_overrides[require_scopes("read:users")] finds it.
    return ScopeDependency(rule)
