"""A token, whatever it holds: ``require_token``, ``current_token`` and ``optional_token``.

Annotations are not postponed here, as in :mod:`.dependency`.
"""

from collections.abc import Sequence
from typing import ClassVar

from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection
from starlette.types import Scope

from kinde_guard.asgi.auth_state import get_auth_state
from kinde_guard.requirements.dependency import NO_SCOPES, TokenDependency, check_parentheses
from kinde_guard.requirements.requirement import Requirement
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import AccessDenied, GuardError


class TokenRequirement(TokenDependency):
    """A valid token and no more, besides what ``Security`` names around it."""

    __slots__ = ()

    can_deny: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """A token."""
        return "a token"

    def is_met(self, _token: AccessToken, _scope: Scope) -> bool:
        """Every token will do."""
        return True

    def rejection(self, _route: Sequence[Requirement]) -> GuardError:
        """Never needed."""
        return AccessDenied()


def require_token(connection: HTTPConnection = None) -> TokenRequirement:  # type: ignore[assignment]
    """Make a dependency that needs a valid token, whatever its scopes.

    On paths that are not public the guard asks for a token anyway; this gives it to the route.

    Args:
        connection: never to be given. It is here to notice ``Depends(require_token)`` without the
            parentheses, which would otherwise check nothing on a public path.

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
    return TokenRequirement.of()


class CurrentToken(TokenRequirement):
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

    needs_token: ClassVar[bool] = False
    can_deny: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """A token, or none."""
        return "a token if there is one"

    async def __call__(
        self, connection: HTTPConnection, security_scopes: SecurityScopes = NO_SCOPES
    ) -> AccessToken | None:
        """Return the request's token, or ``None``.

        Where ``Security`` names scopes around it, it is as little optional as ``current_token``.
        """
        if security_scopes.scopes:
            return await current_token(connection, security_scopes)
        return get_auth_state(connection.scope).token

    def is_met(self, _token: AccessToken, _scope: Scope) -> bool:
        """Every token will do."""
        return True

    def rejection(self, _route: Sequence[Requirement]) -> GuardError:
        """Never needed."""
        return AccessDenied()


current_token = CurrentToken()
optional_token = OptionalToken()
