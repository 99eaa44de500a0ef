"""Answers for credentials that could not be verified, around an application of an MCP SDK.

The SDKs know a credential as good or bad. An outage of the keys or of Kinde is neither: as an
exception it becomes a 500, as a bad credential a 401 on which clients give up a token that is good.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinde_guard.asgi.problem import problem
from kinde_guard.mcp.protection import Protection, set_protection
from kinde_guard.vocabulary.errors import GuardError

if TYPE_CHECKING:
    from kinde_guard.engine import GuardEngine


class VerificationFailed(Exception):
    """A credential was not verified.

    Attributes:
        error: the guard's own, such as :class:`~kinde_guard.KeysUnavailable`.
    """

    def __init__(self, error: GuardError) -> None:
        super().__init__(error.description)
        self.error = error


class VerificationErrorMiddleware:
    """Pure ASGI middleware that answers 503 or 429, with ``Retry-After``, where an SDK cannot.

    ``KindeAuthProvider`` brings it along, and behind ``KindeGuardMiddleware`` it is not needed. Add
    it to other applications whose tokens a :class:`~kinde_guard.mcp.KindeTokenVerifier` verifies.

    Args:
        app: the application of the SDK, its authentication included.
        guard: that of the token verifier.
        resource: gives the resource identifier that challenges refer to, if it is not the guard's.

    Source: RFC 9110, sections 15.6.4 and 10.2.3; RFC 6585, section 4.

    Example:
        >>> from starlette.applications import Starlette
        >>> from kinde_guard import KindeGuard
        >>> guard = KindeGuard("acme.kinde.com", audience="https://api.acme.com/mcp")
        >>> app = Starlette()
        >>> app.add_middleware(VerificationErrorMiddleware, guard=guard)
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        guard: GuardEngine,
        resource: Callable[[], str | None] | None = None,
    ) -> None:
        self.app = app
        self._protection = Protection(guard, resource or (lambda: guard.settings.resource))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        set_protection(scope, self._protection)
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched_send)
        except VerificationFailed as failure:
            if started or scope["type"] != "http":
                raise
            await _answer(failure.error)(scope, receive, send)


def _answer(error: GuardError) -> Response:
    headers = {"Cache-Control": "no-store", **(error.headers or {})}
    body = json.dumps(problem(error))
    return Response(body, error.status, headers, media_type="application/problem+json")
