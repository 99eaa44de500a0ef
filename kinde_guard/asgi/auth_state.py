"""What the middleware leaves in the ASGI scope for those who come after it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.authentication import AuthCredentials, UnauthenticatedUser
from starlette.exceptions import HTTPException
from starlette.types import Scope

from kinde_guard.verification.access_token import AccessToken

if TYPE_CHECKING:
    from kinde_guard.guard import KindeGuard

logger = logging.getLogger("kinde_guard")

_SCOPE_KEY = "kinde_guard"


class Admission(AuthCredentials):
    """A request that a guard let in; also Starlette's ``request.auth``.

    Attributes:
        guard: who let it in.
        token: the verified token; ``None`` on public paths where none was presented.
        rejection: the reason for which a dependency rejected the request.
    """

    def __init__(self, guard: KindeGuard, token: AccessToken | None) -> None:
        self.guard = guard
        self.token = token
        self.rejection: str | None = None

    @property
    def scopes(self) -> list[str]:  # type: ignore[override]
        """The names of the granted scopes, sorted.

        A new list each time: nobody's changes reach another request, and a request whose list is
        never asked for costs the same with many scopes as with few.
        """
        return [] if self.token is None else sorted(self.token.scopes)


def admit(scope: Scope, guard: KindeGuard, token: AccessToken | None) -> Admission:
    """Write down who comes: for the dependencies, and as Starlette's ``user`` and ``auth``."""
    admitted = scope[_SCOPE_KEY] = scope["auth"] = Admission(guard, token)
    scope["user"] = UnauthenticatedUser() if token is None else token
    return admitted


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
