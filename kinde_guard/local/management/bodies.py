"""The body of a request, read only where its scopes suffice: JSON, bounded, well formed.

FastAPI reads a body before it asks any dependency. Here the scopes come first, so that a caller
without them learns nothing about bodies, and none is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message

from kinde_guard.jose.strict_json import loads
from kinde_guard.local.management.envelope import Refused
from kinde_guard.requirements.scopes import ScopeRequirement

MAX_BYTES: Final = 262_144
CONTENT_TYPE: Final = "application/json"

Handler = Callable[[Request], Awaitable[Response]]


class ScopesFirst(APIRoute):
    """A route that checks scopes, then the body, and then does what FastAPI does."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return the handler of the route."""
        handle: Handler = super().get_route_handler()
        required = [
            depends.dependency
            for depends in self.dependencies
            if isinstance(depends.dependency, ScopeRequirement)
        ]
        takes_body = self.body_field is not None

        async def guarded(request: Request) -> Response:
            for scopes in required:
                await scopes(request)
            return await handle(await _checked(request) if takes_body else request)

        return guarded


async def _checked(request: Request) -> Request:
    """Return the request with its body read, or raise ``Refused``."""
    body = await _read(request)
    if body:
        _check_content_type(request)
        _check_json(body)

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, replay)


async def _read(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BYTES:
                message = f"The body must not exceed {MAX_BYTES} bytes"
                raise Refused("BODY_TOO_LARGE", message, status=413)
    except ClientDisconnect:
        raise Refused("INVALID_REQUEST", "The body ended before it was complete") from None
    return bytes(body)


def _check_content_type(request: Request) -> None:
    header = request.headers.get("content-type", "").lower()
    media_type, _, parameters = header.partition(";")
    charset = parameters.replace(" ", "").replace('"', "").partition("charset=")[2] or "utf-8"
    if media_type.strip() != CONTENT_TYPE or charset != "utf-8":
        message = f"The body must be {CONTENT_TYPE} in UTF-8"
        raise Refused("UNSUPPORTED_CONTENT_TYPE", message, status=415)


def _check_json(body: bytes) -> None:
    try:
        loads(body)
    except ValueError:
        raise Refused("INVALID_JSON", "The body is no well-formed JSON") from None
