"""Which path is which endpoint, however many slashes a client puts before it.

A client whose domain was given with a trailing slash asks for ``//.well-known/jwks.json``; Kinde's
jwt-validator is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Literal["jwks", "token"]
"""The endpoints that are counted, and that can be told to fail."""

ENDPOINTS: Final[Mapping[Endpoint, frozenset[str]]] = {
    "jwks": frozenset({"/.well-known/jwks", "/.well-known/jwks.json"}),
    "token": frozenset({"/oauth2/token"}),
}

_SLASHES: Final = re.compile("/{2,}")


def endpoint_of(scope: Scope) -> Endpoint | None:
    """Return which of the endpoints a request is for."""
    return next((name for name, paths in ENDPOINTS.items() if scope["path"] in paths), None)


class CollapseSlashes:
    """Read repeated slashes in a request's path as one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scope = {**scope, "path": _SLASHES.sub("/", scope["path"])}
        await self.app(scope, receive, send)
