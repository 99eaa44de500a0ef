"""Which pages of other origins may call from a browser: those of the applications' callbacks.

An origin is let in where it is that of an address that an application may be called back at: what
was signed in there may ask for tokens, keys and the person's own account. Nothing here reads a
cookie, so allowing credentials, which Kinde's browser clients send, allows nothing else. The
Management API and the console are never open to other origins.

Source: Fetch standard, "CORS protocol".
"""

from __future__ import annotations

import re
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinde_guard.local.callback_addresses import is_address, origin_of
from kinde_guard.local.store import Store

OPEN: Final = re.compile(
    r"/\.well-known/[a-z.-]+"
    r"|/oauth2/(token|revoke|introspect|device/auth|v2/(user_profile|device_authorization))"
    r"|/account_api/v1/[a-z_]+"
)
"""The paths that front ends call."""

_NAMES: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(\s*,\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")


class AllowFrontEnds:
    """Let front ends read the answers of the endpoints that are for them.

    Args:
        app: what serves those requests.
        store: holds the callback addresses.
    """

    def __init__(self, app: ASGIApp, *, store: Store) -> None:
        self.app = app
        self.store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not OPEN.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        is_allowed = origin is not None and await run_in_threadpool(self._is_allowed, origin)
        if origin is not None and is_allowed and _is_preflight(scope, headers):
            await _preflight_answer(headers, origin)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = MutableHeaders(scope=message)
                answered.add_vary_header("Origin")
                if origin is not None and is_allowed:
                    answered["Access-Control-Allow-Origin"] = origin
                    answered["Access-Control-Allow-Credentials"] = "true"
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _is_allowed(self, origin: str) -> bool:
        return any(
            origin_of(url) == origin
            for application in self.store.applications()
            for url in application.redirect_uris
            if is_address(url)
        )


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in headers


def _preflight_answer(headers: Headers, origin: str) -> Response:
    asked = headers.get("access-control-request-headers", "")
    allowed = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "GET, POST",
        "Vary": "Origin, Access-Control-Request-Headers",
    }
    if _NAMES.fullmatch(asked):
        # Clients name themselves in headers of their own, such as Kinde-SDK.
        allowed["Access-Control-Allow-Headers"] = asked
    return Response(status_code=204, headers=allowed)
