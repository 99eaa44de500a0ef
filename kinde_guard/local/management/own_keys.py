"""The tenant's own key set for its own guard: read in process, and followed at once.

The guard fetches keys over HTTP and may use them for minutes. Here a fetch never leaves the
process, so no fault that is played to others reaches it, and a rotation is seen with the next
request: the guard measures the age of keys with the clock of this object, and that clock leaps past
every age, once, when the tenant publishes other keys than those that the guard fetched. Once only,
because a fetch whose clock leaps while it is under way counts as one that stood still.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from kinde_guard.local.signing import SigningKey
    from kinde_guard.local.tenant import Tenant

LEAP: Final = 10_000_000.0
"""Seconds: longer than keys may serve by any setting."""


class OwnKeys(httpx.AsyncBaseTransport):
    """A transport that answers every request with the tenant's key set."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._published: tuple[SigningKey, ...] = ()
        self._fetched: tuple[SigningKey, ...] | None = None
        self._leapt_for: tuple[SigningKey, ...] | None = None
        self._leaps = 0

    async def look(self) -> None:
        """Notice which keys the tenant publishes now."""
        self._published = await run_in_threadpool(lambda: self._tenant.keys.keys)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer with the key set."""
        ring = await run_in_threadpool(lambda: self._tenant.keys)
        self._published = self._fetched = ring.keys
        return httpx.Response(200, json=ring.jwks(), request=request)

    def monotonic(self) -> float:
        """Return seconds for the ages of keys."""
        published = self._published
        if published is not self._fetched and published is not self._leapt_for:
            self._leapt_for = published
            self._leaps += 1
        return time.monotonic() + self._leaps * LEAP


class FollowKeys:
    """Middleware outside of the guard: look at the keys before each request."""

    def __init__(self, app: ASGIApp, *, keys: OwnKeys) -> None:
        self.app = app
        self.keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            await self.keys.look()
        await self.app(scope, receive, send)
