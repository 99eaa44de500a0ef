"""What a report may name of a rejected request: its method, and its route or its path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from starlette.types import Scope


@dataclass(frozen=True, slots=True)
class RejectedRequest:
    """The request of a rejection.

    Attributes:
        method: the HTTP method, or ``WS`` for a WebSocket; ``None`` outside of a request.
        path: the template of the route, mounts included; ``None`` before routing.
        raw_path: the path that was asked for, percent-encoded.
    """

    method: str | None = None
    path: str | None = None
    raw_path: str | None = None

    @classmethod
    def of(cls, scope: Scope) -> Self:
        """Describe a request by its ASGI scope.

        Example:
            >>> RejectedRequest.of({"type": "http", "method": "GET", "path": "/users"}).raw_path
            '/users'
        """
        method = "WS" if scope["type"] == "websocket" else scope["method"]
        raw_path = scope.get("raw_path")
        asked = scope["path"] if raw_path is None else raw_path.decode("latin-1")
        return cls(method, _template(scope), asked)


OUTSIDE_OF_REQUESTS = RejectedRequest()


def _template(scope: Scope) -> str | None:
    route = scope.get("route")
    context = scope.get("fastapi", {}).get("effective_route_context")
    if context is not None and getattr(context, "original_route", None) is route:
        route = context
    path = getattr(route, "path_format", None)
    if path is None:
        return None
    outer, root = scope.get("app_root_path", ""), scope.get("root_path", "")
    return f"{root.removeprefix(outer)}{path}" if "app_root_path" in scope else path
