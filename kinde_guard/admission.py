"""What the middleware leaves in the ASGI scope for those who come after it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from starlette.authentication import AuthCredentials, UnauthenticatedUser
from starlette.exceptions import HTTPException
from starlette.types import Scope

from kinde_guard.token import AccessToken

if TYPE_CHECKING:
    from kinde_guard.guard import KindeGuard

logger = logging.getLogger("kinde_guard")

_SCOPE_KEY = "kinde_guard"


class Admission(NamedTuple):
    """A request that a guard let in.

    Attributes:
        guard: who let it in.
        token: the verified token; ``None`` on public paths where none was presented.
    """

    guard: KindeGuard
    token: AccessToken | None


class TokenCredentials(AuthCredentials):
    """Starlette's ``request.auth`` with the scopes of a token.

    The list is made when it is asked for, so that a token with many scopes costs no more than one
    with few, and is a new one each time, so that nobody's changes reach another request.
    """

    def __init__(self, granted: frozenset[str]) -> None:
        self._granted = granted

    @property
    def scopes(self) -> list[str]:  # type: ignore[override]
        """The names of the granted scopes, sorted."""
        return sorted(self._granted)


def admit(scope: Scope, guard: KindeGuard, token: AccessToken | None) -> None:
    """Write down who comes: for the dependencies, and as Starlette's ``user`` and ``auth``."""
    scope[_SCOPE_KEY] = Admission(guard, token)
    if token is None:
        scope["user"], scope["auth"] = UnauthenticatedUser(), AuthCredentials()
    else:
        scope["user"], scope["auth"] = token, TokenCredentials(token.scopes)


def admission(scope: Scope) -> Admission:
    """Return who came in.

    Raises:
        HTTPException: 500, because no guard stands before this application: whoever asks for a
            token or for scopes here would otherwise let everybody through.
    """
    admitted = scope.get(_SCOPE_KEY)
    if isinstance(admitted, Admission):
        return admitted
    logger.error(
        "a route asks for a token, but no guard protects this application: call "
        "guard.install(app), or add KindeGuardMiddleware, where the app is made"
    )
    raise HTTPException(status_code=500)
