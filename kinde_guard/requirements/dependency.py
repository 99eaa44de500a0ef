"""The steps that every dependency of the guard takes: who comes, and turning somebody away."""

from __future__ import annotations

from abc import abstractmethod

from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection

from kinde_guard.asgi.auth_state import admission
from kinde_guard.asgi.rejected_request import RejectedRequest
from kinde_guard.asgi.responses import answer_refusal
from kinde_guard.requirements.requirement import Requirement, security_rule
from kinde_guard.requirements.routes import scopes_of_route
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.verification.scopes import ScopeRule
from kinde_guard.vocabulary.errors import (
    ConfigurationError,
    GuardError,
    InsufficientScope,
    MissingToken,
)

NO_SCOPES = SecurityScopes()
"""What FastAPI gives a dependency without a ``Security`` around it."""


class TokenDependency(Requirement):
    """A dependency that asks for a token and for something of it, and gives the token.

    What ``Security(..., scopes=[...])`` names around it is asked for as well: FastAPI leaves that
    to the dependency, and who writes it relies on it.
    """

    __slots__ = ()

    async def __call__(
        self, connection: HTTPConnection, security_scopes: SecurityScopes = NO_SCOPES
    ) -> AccessToken:
        """Return the request's token if it has what is asked for.

        Raises:
            MissingToken: there is none, which can only be on a public path.
            AccessDenied: it lacks something.
            HTTPException: 500, because no guard stands before the application.
        """
        token = admission(connection.scope).token
        if token is None:
            raise refused(connection, MissingToken())
        if security_scopes.scopes:
            rule = security_rule(tuple(security_scopes.scopes))
            if not rule.allows(token.scopes):
                raise lacking(connection, rule)
        self.check(connection, token)
        return token

    @abstractmethod
    def check(self, connection: HTTPConnection, token: AccessToken) -> None:
        """See to it that a token has what this dependency itself asks for.

        Raises:
            AccessDenied: it lacks something.
        """


def check_parentheses(name: str, connection: HTTPConnection | None) -> None:
    """Notice ``Depends(require_something)``, which lacks parentheses and would check nothing.

    FastAPI calls what it is given with the connection, and takes whatever it returns.

    Args:
        name: of the function whose call was forgotten.
        connection: what it was called with; a developer gives it none.

    Raises:
        ConfigurationError: the parentheses were forgotten.
    """
    if connection is not None:
        raise ConfigurationError(f"write Depends({name}()), with the inner parentheses")


def lacking(connection: HTTPConnection, rule: ScopeRule) -> GuardError:
    """Refuse a token that a rule does not allow; the error names all that the route needs."""
    return refused(connection, InsufficientScope(scopes_of_route(connection.scope) or rule.names))


def refused(connection: HTTPConnection, error: GuardError) -> GuardError:
    """Count a refusal, see to it that it is answered, and return it to be raised."""
    admitted = admission(connection.scope)
    admitted.rejection = error.reason
    admitted.guard.refused(error, RejectedRequest.of(connection.scope), admitted.token)
    handlers = connection.scope.get("starlette.exception_handlers")
    if handlers is not None:
        # A mounted application answers exceptions itself, with 500 where it knows no handler. It
        # cannot know ours, so it is told, unless it has one.
        handlers[0].setdefault(GuardError, answer_refusal)
    return error
