"""One small application, with a guard and without: what it answers tells who got in.

Whatever is answered behind the guard, a 404 too, carries ``INSIDE`` exactly once: an HTTP answer in
a header, a WebSocket in its first message. Only public answers carry ``PUBLIC`` instead. So a
request that gets past the guard shows itself, wherever it ends up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi import Depends, FastAPI, Request, Response, WebSocket
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinde_guard import KindeGuard, require_scopes

INSIDE: Final = "inside-the-house"
PUBLIC: Final = "in-front-of-the-house"
PUBLIC_PATHS: Final = ("/open", "/assets/*")
_SIGN: Final = "x-where"


def build(guard: KindeGuard | None) -> FastAPI:
    """Make the application; without a guard everybody is let in."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    needs: Sequence[Any] = [Depends(require_scopes("read:users"))] if guard else []

    @app.get("/users", dependencies=needs)
    async def list_users() -> Response:
        return Response("users")

    @app.post("/users", dependencies=needs)
    async def create_user(request: Request) -> Response:
        try:
            return Response(str(len(await request.body())))
        except ClientDisconnect:
            return Response("gone")

    @app.websocket("/feed", dependencies=needs)
    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(INSIDE)
        await websocket.close()

    @app.websocket("/denied")
    async def denied(websocket: WebSocket) -> None:
        # Servers have their own trouble with denials, so the application denies as the guard does.
        await websocket.send_denial_response(Response("no", 401))

    @app.api_route("/open", methods=["GET", "HEAD", "POST"])
    @app.api_route("/assets", methods=["GET", "HEAD", "POST"])
    @app.api_route("/assets/{name:path}", methods=["GET", "HEAD", "POST"])
    async def public() -> Response:
        return Response("public", headers={_SIGN: PUBLIC})

    app.router.default = _anything
    if guard is not None:
        guard.install(app)
    # Innermost, inside the guard.
    app.user_middleware.append(Middleware(_Signed))
    return app


class _Signed:
    """Puts ``INSIDE`` on every HTTP answer that does not say otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sign(message: Message) -> None:
            if message["type"].endswith("http.response.start"):
                MutableHeaders(scope=message).setdefault(_SIGN, INSIDE)
            await send(message)

        await self._app(scope, receive, sign)


async def _anything(scope: Scope, receive: Receive, send: Send) -> None:
    # What no route takes, so that WebSockets are accepted on every path.
    if scope["type"] == "http":
        await Response("anything")(scope, receive, send)
        return
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": INSIDE})
    await send({"type": "websocket.close", "code": 1000})
