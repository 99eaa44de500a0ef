"""Refusals on the wire: an HTTP response, a denied WebSocket handshake, or a closed WebSocket."""

from __future__ import annotations

import json

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState

from kinde_guard.asgi.auth_state import admission
from kinde_guard.asgi.problem import problem
from kinde_guard.vocabulary.errors import AccessDenied, GuardError

# WebSocket close codes that IANA registers for these two cases.
UNAUTHORIZED, FORBIDDEN = 3000, 3003

MEDIA_TYPE = "application/problem+json"


class Refusal:
    """The answer to a refused request, as an ASGI application.

    Args:
        error: why it is refused.
        realm: the protection space that the challenge names.
    """

    def __init__(self, error: GuardError, realm: str) -> None:
        self._error = error
        self._realm = realm

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request, or a WebSocket that was not accepted yet.

        Source: ASGI specification, extension "WebSocket Denial Response".
        """
        if scope["type"] == "websocket" and "websocket.http.response" not in (
            scope.get("extensions") or {}
        ):
            code, reason = close_code(self._error), self._error.description
            await send({"type": "websocket.close", "code": code, "reason": reason})
            return
        await self._response()(scope, receive, send)

    def _response(self) -> Response:
        self._error.set_challenge(realm=self._realm)
        headers = {"Cache-Control": "no-store", **(self._error.headers or {})}
        body = json.dumps(problem(self._error))
        return Response(body, self._error.status, headers, media_type=MEDIA_TYPE)


def close_code(error: GuardError) -> int:
    """Return the WebSocket close code that says the same as the error's HTTP status."""
    return FORBIDDEN if isinstance(error, AccessDenied) else UNAUTHORIZED


async def answer_refusal(connection: HTTPConnection, error: Exception) -> Refusal | None:
    """Answer a refusal that was raised behind the middleware: an exception handler for Starlette.

    The realm is that of the guard which let the request in, so one application may be mounted
    behind several guards. A WebSocket that was accepted already is closed.

    Args:
        connection: the request or the WebSocket.
        error: a :class:`GuardError`; any other is raised again.
    """
    if not isinstance(error, GuardError):
        raise error
    if (
        isinstance(connection, WebSocket)
        and connection.application_state is not WebSocketState.CONNECTING
    ):
        await connection.close(close_code(error), error.description)
        return None
    return Refusal(error, admission(connection.scope).guard.settings.realm)
