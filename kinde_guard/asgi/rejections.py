"""Answers to rejected requests: the application's own handler, or the problem document.

Every rejection of HTTP is answered in one format. The applications from the one in which it arose
outward are asked for an exception handler for its status code, or for :class:`GuardError` or one of
its subclasses; the first one answers, and where there is none the problem document does. A
WebSocket is refused or closed, and never asks a handler.

Source: RFC 9457; RFC 6750, section 3; ASGI specification, "WebSocket Denial Response".
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState

from kinde_guard.asgi.auth_state import find_auth_state
from kinde_guard.asgi.mounts import applications_outward
from kinde_guard.asgi.problem import problem
from kinde_guard.vocabulary.errors import AccessDenied, GuardError

# WebSocket close codes that IANA registers for these two cases.
UNAUTHORIZED, FORBIDDEN = 3000, 3003

MEDIA_TYPE = "application/problem+json"

Handler = Callable[[Any, Exception], Any]
Handlers = Mapping[Any, Handler]


def problem_response(error: GuardError) -> Response:
    """Return the problem document as a response, with the error's own headers."""
    headers = {"Cache-Control": "no-store", **(error.headers or {})}
    return Response(json.dumps(problem(error)), error.status, headers, media_type=MEDIA_TYPE)


async def respond(
    error: GuardError, scope: Scope, receive: Receive, send: Send, handlers: Sequence[Handlers] = ()
) -> None:
    """Answer a rejected HTTP request, or a WebSocket that was not accepted yet.

    Args:
        error: why it is rejected; its challenge is complete.
        scope: of the request.
        receive: passes the body on to a handler that reads it.
        send: sends the answer.
        handlers: the exception handlers of applications, from the inside out.
    """
    if scope["type"] == "websocket":
        await _refuse_websocket(error, scope, receive, send)
        return
    handler = _nearest_handler(error, handlers)
    if handler is None:
        await problem_response(error)(scope, receive, send)
        return
    response = _complete(await _call(handler, Request(scope, receive, send), error), error)
    if response is not None:
        await response(scope, receive, send)


def leave_handler(scope: Scope, error: GuardError) -> None:
    """See to it that the application in which a rejection arises answers it in the one format.

    Its own handlers for the status or for :class:`GuardError` keep answering, and their answers get
    a challenge; where it has none, :func:`answer_rejection` is left for it.

    Args:
        scope: of the request, after routing.
        error: the rejection that is about to be raised.
    """
    handlers = scope.get("starlette.exception_handlers")
    if handlers is None:
        return
    by_class, by_status = handlers
    if error.status in by_status:
        by_status[error.status] = _completed(by_status[error.status])
    cls = next((each for each in _classes(error) if each in by_class), None)
    by_class[cls or GuardError] = _completed(by_class[cls]) if cls else answer_rejection


async def answer_rejection(connection: HTTPConnection, error: Exception) -> ASGIApp | None:
    """Answer a rejection that was raised after routing: an exception handler for Starlette.

    Rejections leave it in the applications that they arise in, mounted ones among them, which
    would otherwise answer with their handler for ``HTTPException``. A WebSocket that was accepted
    already is closed.

    Args:
        connection: the request or the WebSocket.
        error: a :class:`GuardError`; any other is raised again.
    """
    if not isinstance(error, GuardError):
        raise error
    state = find_auth_state(connection.scope)
    if state is not None:
        state.guard.complete(error)
    if not isinstance(connection, WebSocket):
        return await _handled(error, connection, handlers_outward(connection.scope))
    if connection.application_state is WebSocketState.CONNECTING:
        return _WebSocketRefusal(error)
    await connection.close(close_code(error), error.description)
    return None


def handlers_outward(scope: Scope) -> list[Handlers]:
    """Return the exception handlers of the applications around a request, from the inside out."""
    state = find_auth_state(scope)
    guarded = None if state is None else state.application
    applications = applications_outward(scope.get("app"), guarded)
    handlers: list[Handlers] = [app.exception_handlers for app in applications]
    if state is not None and state.outer_handlers is not None:
        by_class, by_status = state.outer_handlers
        handlers.append({**by_class, **by_status})
    return handlers


def close_code(error: GuardError) -> int:
    """Return the WebSocket close code that corresponds to the error's HTTP status."""
    return FORBIDDEN if isinstance(error, AccessDenied) else UNAUTHORIZED


class _WebSocketRefusal:
    """The refusal of a WebSocket handshake, as an ASGI application."""

    def __init__(self, error: GuardError) -> None:
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _refuse_websocket(self._error, scope, receive, send)


class _CompletedHandler:
    """An application's own handler, whose answers to rejections get what they lack."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    async def __call__(self, connection: HTTPConnection, error: Exception) -> ASGIApp | None:
        if not isinstance(error, GuardError):
            return await _call(self.handler, connection, error)
        if isinstance(connection, WebSocket):
            return await answer_rejection(connection, error)
        return _complete(await _call(self.handler, connection, error), error)


def _completed(handler: Handler) -> Handler:
    ours = handler is answer_rejection or isinstance(handler, _CompletedHandler)
    return handler if ours else _CompletedHandler(handler)


async def _handled(
    error: GuardError, connection: HTTPConnection, handlers: Sequence[Handlers]
) -> ASGIApp | None:
    handler = _nearest_handler(error, handlers)
    if handler is None:
        return problem_response(error)
    return _complete(await _call(handler, connection, error), error)


def _nearest_handler(error: GuardError, handlers: Sequence[Handlers]) -> Handler | None:
    for listed in handlers:
        handler = _handler_for(error, listed)
        if handler is not None:
            return handler
    return None


def _handler_for(error: GuardError, handlers: Handlers) -> Handler | None:
    for key in (error.status, *_classes(error)):
        handler = handlers.get(key)
        if handler is not None and handler is not answer_rejection:
            return handler.handler if isinstance(handler, _CompletedHandler) else handler
    return None


def _classes(error: GuardError) -> list[type[GuardError]]:
    """Return the error's classes, the most special first, as far as they are rejections."""
    return [cls for cls in type(error).__mro__ if issubclass(cls, GuardError)]


async def _call(handler: Handler, connection: HTTPConnection, error: Exception) -> ASGIApp | None:
    plain = handler if inspect.isroutine(handler) else getattr(handler, "__call__", handler)  # noqa: B004
    response: ASGIApp | None
    if inspect.iscoroutinefunction(plain):
        response = await handler(connection, error)
    else:
        response = await run_in_threadpool(handler, connection, error)
    return response


def _complete(response: ASGIApp | None, error: GuardError) -> ASGIApp | None:
    headers = getattr(response, "headers", None)
    if headers is not None:
        for name, value in (error.headers or {}).items():
            headers.setdefault(name, value)
    return response


async def _refuse_websocket(error: GuardError, scope: Scope, receive: Receive, send: Send) -> None:
    # ASGI specification, extension "WebSocket Denial Response".
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await problem_response(error)(scope, receive, send)
        return
    code, reason = close_code(error), error.description
    await send({"type": "websocket.close", "code": code, "reason": reason})
