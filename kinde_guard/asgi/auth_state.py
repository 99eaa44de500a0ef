"""The authentication result in the ASGI scope."""

from __future__ import annotations

import logging
from typing import Any

from starlette.authentication import AuthCredentials, UnauthenticatedUser
from starlette.exceptions import HTTPException
from starlette.types import Scope

from kinde_guard.engine import GuardEngine
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import GuardError

logger = logging.getLogger("kinde_guard")

_SCOPE_KEY = "kinde_guard"


class AuthState(AuthCredentials):
    """What a guard found out about a request; also Starlette's ``request.auth``.

    Attributes:
        guard: the guard in front of the application.
        token: the verified token; ``None`` on public paths where none was presented.
        rejection: why the request was rejected after routing, if it was.
        application: the application that the guard is in front of, where it is Starlette's.
        outer_handlers: the exception handlers of the application in which that one is mounted.
    """

    def __init__(
        self,
        guard: GuardEngine,
        token: AccessToken | None,
        application: object = None,
        outer_handlers: tuple[dict[Any, Any], dict[Any, Any]] | None = None,
    ) -> None:
        self.guard = guard
        self.token = token
        self.application = application
        self.outer_handlers = outer_handlers
        self.rejection: GuardError | None = None

    @property
    def scopes(self) -> list[str]:  # type: ignore[override]
        """The names of the granted scopes, sorted, and ``authenticated``; none without a token.

        A new list each time: a change to it reaches no other request, and a request whose list is
        never asked for costs the same with many scopes as with few.
        """
        return [] if self.token is None else sorted({*self.token.scopes, "authenticated"})


def set_auth_state(scope: Scope, state: AuthState) -> None:
    """Write the result down: for the dependencies, and as Starlette's ``user`` and ``auth``."""
    scope[_SCOPE_KEY] = scope["auth"] = state
    scope["user"] = UnauthenticatedUser() if state.token is None else state.token


def find_auth_state(scope: Scope) -> AuthState | None:
    """Return the authentication result of a request; ``None`` where no guard stands in front."""
    state = scope.get(_SCOPE_KEY)
    return state if isinstance(state, AuthState) else None


def get_auth_state(scope: Scope) -> AuthState:
    """Return the authentication result of a request.

    Raises:
        HTTPException: 500, because no guard stands in front of this application. A route that
            requires a token would otherwise be open to every request.
    """
    state = scope.get(_SCOPE_KEY)
    if isinstance(state, AuthState):
        return state
    logger.error(
        "a route asks for a token, but no guard protects this application: call "
        "guard.install(app), or add KindeGuardMiddleware, where the app is made"
    )
    raise HTTPException(status_code=500)
