"""How often each endpoint was asked, answered or not: clients are judged by what they ask."""

from __future__ import annotations

from collections import Counter

from starlette.types import ASGIApp, Receive, Scope, Send

from kinde_guard.local.paths import Endpoint, endpoint_of


class CountRequests:
    """Count the requests to each endpoint in ``counts``, as they arrive."""

    def __init__(self, app: ASGIApp, *, counts: Counter[Endpoint]) -> None:
        self.app = app
        self.counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and (endpoint := endpoint_of(scope)):
            self.counts[endpoint] += 1
        await self.app(scope, receive, send)
