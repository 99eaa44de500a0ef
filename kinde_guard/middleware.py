"""The guard at the door of an ASGI application: default deny, for HTTP and WebSockets alike.

Every request needs a token, except on public paths and for CORS preflights; a token that is
presented is verified even there. With the ASGI lifespan the middleware fetches the keys before the
application starts and lets go of them after it has stopped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinde_guard.asgi.auth_state import admit
from kinde_guard.asgi.credentials import answer_subprotocol, bearer_token
from kinde_guard.asgi.public_paths import PublicPaths, route_path
from kinde_guard.asgi.responses import Refusal
from kinde_guard.asgi.websocket_expiry import UntilExpiry
from kinde_guard.requirements.routes import check_operation_scopes
from kinde_guard.vocabulary.errors import (
    ConfigurationError,
    GuardError,
    KeysUnavailable,
    MissingToken,
)

if TYPE_CHECKING:
    from kinde_guard.guard import KindeGuard

_PREFLIGHT_HEADERS = {b"origin", b"access-control-request-method"}
_LIFESPAN_ENDS = {
    "lifespan.startup.failed",
    "lifespan.shutdown.complete",
    "lifespan.shutdown.failed",
}


class KindeGuardMiddleware:
    """Pure ASGI middleware that lets in whom the guard admits.

    ``guard.install(app)`` does this and more; add the middleware yourself where the application is
    no FastAPI or Starlette application, or where its place among others matters.

    Args:
        app: the application to protect.
        guard: decides.
        public_paths: paths that need no token, besides those of the guard's settings.

    Source: RFC 6750; ASGI specification, "HTTP & WebSocket" and "Lifespan Protocol".

    Example:
        >>> from fastapi import FastAPI
        >>> from kinde_guard import KindeGuard
        >>> guard = KindeGuard("acme.kinde.com", audience="https://api.acme.com")
        >>> app = FastAPI()
        >>> app.add_middleware(KindeGuardMiddleware, guard=guard)
    """

    def __init__(
        self, app: ASGIApp, *, guard: KindeGuard, public_paths: Iterable[str] = ()
    ) -> None:
        self.app = app
        self.guard = guard
        self.public_paths = (*guard.settings.public_paths, *public_paths)
        self._public = PublicPaths(self.public_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, WebSocket or lifespan."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        try:
            raw = bearer_token(scope)
            if raw is None and self._requires_token(scope):
                raise MissingToken
            token = None if raw is None else await self.guard.verifier.verify(raw)
        except GuardError as error:
            self.guard.refused(error)
            await self._refuse(error, scope, receive, send)
            return
        # Reports of a handler's errors show the variables of this frame.
        del raw
        admit(scope, self.guard, token)
        app = self.app
        if scope["type"] == "websocket":
            send = answer_subprotocol(scope, send)
            if token is not None and self.guard.settings.close_on_expiry:
                app = UntilExpiry(app, self.guard, token)
        await self._serve(app, scope, receive, send)

    def _requires_token(self, scope: Scope) -> bool:
        return not (_is_preflight(scope) or route_path(scope) in self._public)

    async def _serve(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        def watched_send(message: Message) -> Awaitable[None]:
            nonlocal started
            started = True
            return send(message)

        try:
            await app(scope, receive, watched_send)
        except GuardError as error:
            # Raised by the application where nothing nearer answered it.
            if started:
                raise
            await self._refuse(error, scope, receive, send)

    async def _refuse(self, error: GuardError, scope: Scope, receive: Receive, send: Send) -> None:
        await Refusal(error, self.guard.settings.realm)(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        startup = [await receive()]
        try:
            check_operation_scopes(getattr(scope.get("app"), "routes", ()))
            await self.guard.start()
        except (ConfigurationError, KeysUnavailable) as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            # As Starlette does: its TestClient enters the application otherwise, and never leaves.
            raise

        async def receive_again() -> Message:
            return startup.pop() if startup else await receive()

        async def send_and_close(message: Message) -> None:
            if message["type"] in _LIFESPAN_ENDS:
                await self.guard.aclose()
            await send(message)

        await self.app(scope, receive_again, send_and_close)


def _is_preflight(scope: Scope) -> bool:
    # Fetch standard, "CORS-preflight request": these three make one, and browsers send no token.
    return scope.get("method") == "OPTIONS" and _PREFLIGHT_HEADERS.issubset(
        name for name, _ in scope["headers"]
    )
