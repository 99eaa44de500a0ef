"""Middleware that has events sent once a request has changed something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinde_guard.local.webhooks.event import Source

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class SendEvents:
    """Pure ASGI middleware.

    Args:
        app: changes the tenant.
        tenant: whose events are sent.
    """

    def __init__(self, app: ASGIApp, tenant: Tenant) -> None:
        self.app = app
        self._tenant = tenant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in _READING:
            await self.app(scope, receive, send)
            return
        source: Source = "api" if scope["path"].startswith("/api/v1/") else "admin"
        observed = False

        async def observe_and_send(message: Message) -> None:
            # Before the answer: a client that has the answer finds the event under way.
            nonlocal observed
            if not observed:
                observed = True
                webhooks = self._tenant.webhooks
                await run_in_threadpool(webhooks.observe, self._tenant, source)
            await send(message)

        await self.app(scope, receive, observe_and_send)
