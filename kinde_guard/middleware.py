"""The guard in front of an ASGI application: default deny, for HTTP and WebSockets alike.

Every request needs a credential, except on public paths; one that is presented is verified even
there. With the ASGI lifespan the middleware fetches the keys before the application starts and
releases them after it has stopped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from functools import partial

from starlette.applications import Starlette
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinde_guard.asgi.auth_state import AuthState, set_auth_state
from kinde_guard.asgi.credentials import answer_subprotocol, find_credential
from kinde_guard.asgi.mounts import docs_public_paths, mounted_applications, unwrap
from kinde_guard.asgi.public_paths import PublicPaths, request_method, route_path
from kinde_guard.asgi.rejections import answer_rejection, handlers_outward, respond
from kinde_guard.asgi.resource_metadata import resource_metadata
from kinde_guard.asgi.websocket_expiry import CloseOnExpiry
from kinde_guard.engine import GuardEngine
from kinde_guard.openapi import document_mounted
from kinde_guard.requirements.before_body import may_have_body, serve_deciding_before_body
from kinde_guard.requirements.before_routing import (
    needed_scopes,
    scopes_of_wrappers,
    scopes_supported,
)
from kinde_guard.requirements.operation_collisions import check_operation_scopes
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary import checks
from kinde_guard.vocabulary.errors import GuardError, MissingToken
from kinde_guard.vocabulary.extensions import Credential

_LIFESPAN_ENDS = {
    "lifespan.startup.failed",
    "lifespan.shutdown.complete",
    "lifespan.shutdown.failed",
}


class KindeGuardMiddleware:
    """Pure ASGI middleware that verifies the credential of every request.

    ``guard.install(app)`` adds it and more; add it yourself where the application is not FastAPI's
    or Starlette's, or where its place among other middleware matters (then call ``install`` as
    well: it does the rest).

    Args:
        app: the application to protect.
        guard: verifies, and holds the settings.
        public_paths: paths that need no token, besides those of the guard's settings.
        documented: the application whose docs are public paths too, and whose OpenAPI document
            tells what the guard requires; ``guard.install`` gives it.

    Raises:
        ConfigurationError: something among ``public_paths`` is no public path.

    Source: RFC 6750; ASGI specification, "HTTP & WebSocket" and "Lifespan Protocol".

    Example:
        >>> from fastapi import FastAPI
        >>> from kinde_guard import KindeGuard
        >>> guard = KindeGuard("acme.kinde.com", audience="https://api.acme.com")
        >>> app = FastAPI()
        >>> app.add_middleware(KindeGuardMiddleware, guard=guard)
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        guard: GuardEngine,
        public_paths: Iterable[str] = (),
        documented: Starlette | None = None,
    ) -> None:
        self.app = app
        self.guard = guard
        self.public_paths = (
            *guard.settings.public_paths,
            *_checked(public_paths),
            *docs_public_paths(documented, guard.settings),
        )
        self._public = PublicPaths(self.public_paths)
        unverified = PublicPaths(guard.settings.unverified_paths)
        self._unverified = unverified or None
        # Starlette's own answers every rejection that is raised inside of it.
        self._answers_rejections = isinstance(app, ExceptionMiddleware)
        self._wrapped = unwrap(app)
        self._application: object = documented or self._wrapped
        self._metadata = resource_metadata(guard, self._scopes_supported)
        if documented is not None:
            document_mounted(documented, guard, self._public)
            # What their own code raises is answered there, in the same format.
            for _, mounted in mounted_applications(documented):
                mounted.exception_handlers.setdefault(GuardError, answer_rejection)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, WebSocket or lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if self._metadata is not None and self._metadata.matches(scope):
            self._application = self._guarded_application(scope)
            await self._metadata.answer(scope, receive, send)
            return
        guard = self.guard
        credential: Credential | None = None
        try:
            credential = self._find_credential(scope)
            token = None if credential is None else await guard.authenticate(credential)
        except GuardError as error:
            await self._reject(error, credential, scope, receive, send)
            return
        # Reports of a handler's errors show the variables of this frame.
        del credential
        state = self._state(scope, token)
        set_auth_state(scope, state)
        try:
            if scope["type"] == "websocket":
                await self._serve_websocket(state, scope, receive, send)
            elif self._answers_rejections and not may_have_body(scope):
                await self.app(scope, receive, send)
            else:
                await self._serve_http(state, scope, receive, send)
        finally:
            if guard.recorder.observes_requests:
                self._report_end(state)

    def _find_credential(self, scope: Scope) -> Credential | None:
        if self._unverified is not None and self._matches(self._unverified, scope):
            return None
        credential = find_credential(scope, self.guard.api_key_header)
        if credential is None and not self._matches(self._public, scope):
            raise MissingToken
        return credential

    def _report_end(self, state: AuthState) -> None:
        # A request without a credential on a public path is not decided by the guard.
        rejection = state.rejection
        if rejection is not None:
            self.guard.recorder.request_ended(rejection.reason)
        elif state.token is not None:
            self.guard.recorder.request_ended(None)

    def _matches(self, paths: PublicPaths, scope: Scope) -> bool:
        return paths.matches(request_method(scope), route_path(scope))

    def _state(self, scope: Scope, token: AccessToken | None) -> AuthState:
        handlers = scope.get("starlette.exception_handlers")
        return AuthState(self.guard, token, self._guarded_application(scope), handlers)

    def _guarded_application(self, scope: Scope) -> object:
        # Added to an application, the middleware wraps no more than its router.
        wrapped, app = self._wrapped, scope.get("app")
        if isinstance(wrapped, Router):
            return app if getattr(app, "router", None) is wrapped else wrapped
        return wrapped if isinstance(wrapped, Starlette) else app or wrapped

    async def _serve_http(
        self, state: AuthState, scope: Scope, receive: Receive, send: Send
    ) -> None:
        app = self.app
        if may_have_body(scope):
            app = partial(serve_deciding_before_body, app, state)
        if self._answers_rejections:
            await app(scope, receive, send)
        else:
            await self._serve_answering(app, scope, receive, send)

    async def _serve_websocket(
        self, state: AuthState, scope: Scope, receive: Receive, send: Send
    ) -> None:
        app, settings = self.app, self.guard.settings
        send = answer_subprotocol(scope, send)
        token = state.token
        if settings.close_on_expiry and token is not None and token.expires_at is not None:
            app = CloseOnExpiry(app, self.guard, token)
        await self._serve_answering(app, scope, receive, send)

    async def _serve_answering(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
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
            self.guard.complete(error)
            await respond(error, scope, receive, send, handlers_outward(scope))

    async def _reject(
        self,
        error: GuardError,
        credential: Credential | None,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        guard = self.guard
        guard.complete(error, self._needed_scopes(error, scope))
        guard.recorder.rejected(
            error.reason,
            error.status,
            method=request_method(scope),
            raw_path=scope["path"],
            ids=guard.credential_ids(credential, error),
        )
        guard.recorder.request_ended(error.reason)
        set_auth_state(scope, self._state(scope, None))
        await respond(error, scope, receive, send, handlers_outward(scope))

    def _needed_scopes(self, error: GuardError, scope: Scope) -> str | None:
        # RFC 9728 clients learn from it what to ask for; a look-up is worth it for them alone.
        if self._metadata is None or not isinstance(error, MissingToken):
            return None
        application = self._guarded_application(scope)
        names = needed_scopes(application, request_method(scope), route_path(scope))
        return " ".join(names) or None

    def _scopes_supported(self) -> set[str]:
        return scopes_supported(self._application) | scopes_of_wrappers(self.app)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        startup = [await receive()]
        try:
            check_operation_scopes(self._guarded_application(scope))
            await self.guard.start()
        except Exception as error:
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


def _checked(public_paths: Iterable[str]) -> tuple[str, ...]:
    # A str would be taken for its characters, of which "/" is a path.
    given = public_paths if isinstance(public_paths, str) else tuple(public_paths)
    return checks.paths("public_paths", given)
