"""Scopes for the tools of an MCP server, decided before the server sees the call.

Inside an MCP server a refusal can only be a tool's result, which no client takes for a challenge.
Here it is an HTTP 403 that names every scope that the call needs. The decision is made when the
application first reads the body, at which point authentication has taken place wherever it stands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import anyio
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import kinde_guard.mcp.json_rpc as json_rpc  # noqa: PLR0402 - the package imports this module
from kinde_guard.mcp.protection import granted_scopes, reject_call
from kinde_guard.mcp.request_body import BodyTooLarge, read_body
from kinde_guard.verification.scopes import scope_names
from kinde_guard.vocabulary.errors import AccessDenied, GuardError, InsufficientScope

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""The limit of the official SDK."""

# Neither carries messages to the server.
_WITHOUT_MESSAGES: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


def guard_tools(
    tools: Mapping[str, Iterable[str]],
    *,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> ToolGuard:
    """Make middleware that lets a tool be called only with its scopes.

    Args:
        tools: name of each tool that may be called, and all scopes that it needs; none means that
            any good token will do. A tool that is not here cannot be called.
        max_body_bytes: larger requests get 413; no more is ever held in memory.

    Returns:
        A middleware factory for ``app.add_middleware(...)`` or fastmcp's
        ``http_app(middleware=[Middleware(...)])``, outside or inside of the authentication.

    Raises:
        ValueError: a name or a scope is none, or the limit is not positive.

    Source: RFC 6750, section 3.1; Model Context Protocol, "Authorization", 2026-07-28.

    Example:
        >>> from starlette.applications import Starlette
        >>> app = Starlette()
        >>> app.add_middleware(guard_tools({"create_invoice": ["invoices:write"]}))
    """
    return ToolGuard(tools, max_body_bytes)


class ToolGuard:
    """The scopes of an MCP server's tools; called with an application, it wraps it.

    See :func:`guard_tools`, which makes it.

    Attributes:
        tools: the scopes that each tool needs.
        max_body_bytes: the limit of a request's body.
    """

    def __init__(self, tools: Mapping[str, Iterable[str]], max_body_bytes: int) -> None:
        if max_body_bytes <= 0:
            raise ValueError(f"max_body_bytes: {max_body_bytes!r} was given; it must be positive")
        self.tools = {name: _scopes_of(name, scopes) for name, scopes in tools.items()}
        self.max_body_bytes = max_body_bytes

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope that a tool needs, for ``scopes_supported``."""
        return frozenset(scope for scopes in self.tools.values() for scope in scopes)

    def __call__(self, app: ASGIApp) -> ToolGuardMiddleware:
        """Wrap an application."""
        return ToolGuardMiddleware(app, self)

    def required_scopes(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return all scopes that these tools need, as far as they are declared."""
        scopes = (scope for name in names for scope in self.tools.get(name, ()))
        return tuple(dict.fromkeys(scopes))

    def check(self, names: Iterable[str], granted: frozenset[str]) -> None:
        """Check that these tools may all be called with the granted scopes.

        Raises:
            AccessDenied: one of them is not declared.
            InsufficientScope: a scope is not granted; the error names all that are needed.
        """
        called = tuple(names)
        if not all(name in self.tools for name in called):
            raise AccessDenied
        required = self.required_scopes(called)
        if not granted.issuperset(required):
            raise InsufficientScope(required)


class ToolGuardMiddleware:
    """Pure ASGI middleware that rejects the calls which a :class:`ToolGuard` does not allow."""

    def __init__(self, app: ASGIApp, guard: ToolGuard) -> None:
        self.app = app
        self.guard = guard

    @property
    def scopes(self) -> frozenset[str]:
        """Every scope that a tool needs, for ``scopes_supported``."""
        return self.guard.scopes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in _WITHOUT_MESSAGES:
            await self.app(scope, receive, send)
            return
        with anyio.CancelScope() as application:
            request = _CheckedRequest(self.guard, scope, receive, send, application)
            await self.app(scope, request.receive, request.send)


class _CheckedRequest:
    """One request: its body is read and checked with the first ``receive`` of the application."""

    def __init__(
        self,
        guard: ToolGuard,
        scope: Scope,
        receive: Receive,
        send: Send,
        application: anyio.CancelScope,
    ) -> None:
        self._guard = guard
        self._scope = scope
        self._receive = receive
        self._send = send
        self._application = application
        self._lock = anyio.Lock()
        self._checked = False
        self._started = False
        self._rejected = False

    async def receive(self) -> Message:
        if not self._checked:
            async with self._lock:
                if not self._checked:
                    message = await self._checked_body()
                    self._checked = True
                    return message
        return await self._receive()

    async def send(self, message: Message) -> None:
        if not self._rejected:
            self._started = True
            await self._send(message)

    async def _checked_body(self) -> Message:
        try:
            body = await read_body(self._scope, self._receive, self._guard.max_body_bytes)
        except BodyTooLarge:
            return await self._reject(_too_large())
        if body is None:
            return {"type": "http.disconnect"}
        rejection = _check(self._guard, self._scope, body)
        if rejection is not None:
            return await self._reject(rejection)
        return {"type": "http.request", "body": body, "more_body": False}

    async def _reject(self, response: Response) -> Message:
        started, self._rejected = self._started, True
        if not started:
            await response(self._scope, self._receive, self._send)
        # Ends the application as a client that hangs up does: nothing is logged as its failure.
        self._application.cancel()
        await anyio.lowlevel.checkpoint()
        return {"type": "http.disconnect"}


def _check(guard: ToolGuard, scope: Scope, body: bytes) -> Response | None:
    payload = json_rpc.Payload()
    try:
        payload = json_rpc.parse(body)
        json_rpc.check_headers(scope["headers"], payload)
        names = payload.tool_names()
    except json_rpc.InvalidMessage as error:
        return _response(payload, 400, error.code, error.message)
    return _check_calls(guard, scope, payload, names) if names else None


def _check_calls(
    guard: ToolGuard, scope: Scope, payload: json_rpc.Payload, names: tuple[str, ...]
) -> Response | None:
    try:
        guard.check(names, granted_scopes(scope))
    except GuardError as error:
        reject_call(scope, error, guard.required_scopes(names))
        return _rejection(payload, error)
    except HTTPException as error:
        return _response(payload, error.status_code, json_rpc.INTERNAL_ERROR, "Internal error")
    return None


def _rejection(payload: json_rpc.Payload, error: GuardError) -> Response:
    data = {"error": error.error, "reason": error.reason, **error.problem_members()}
    headers = error.headers or {}
    return _response(payload, error.status, error.status, error.description, data, headers)


def _too_large() -> Response:
    payload, code = json_rpc.Payload(), json_rpc.INVALID_REQUEST
    return _response(payload, 413, code, "The body is too large.", headers={"Connection": "close"})


def _response(
    payload: json_rpc.Payload,
    status: int,
    code: int,
    message: str,
    data: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    content = json.dumps(json_rpc.error_body(payload, code, message, data or {}))
    all_headers = {"Cache-Control": "no-store", **(headers or {})}
    return Response(content, status, all_headers, "application/json")


def _scopes_of(tool: object, scopes: Iterable[str]) -> tuple[str, ...]:
    if not isinstance(tool, str) or not tool:
        raise ValueError(f"{tool!r} was given as the name of a tool; give a string")
    if isinstance(scopes, str):
        # It would be taken apart into its characters.
        raise ValueError(f"{tool}: {scopes!r} was given; write a list of scopes, [{scopes!r}]")
    given = tuple(scopes)
    return scope_names(given) if given else ()
