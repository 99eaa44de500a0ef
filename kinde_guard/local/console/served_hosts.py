"""Only requests that were addressed to us: the defence against DNS rebinding.

A page elsewhere may own a name that it lets point to 127.0.0.1; to the browser our answers are then
that page's own. What gives it away is the Host header, which carries the page's name: requests are
answered only under loopback's own names, or the issuer's, and only with the port that is served.

Source: RFC 9110, sections 7.2 (Host) and 15.5.20 (421 Misdirected Request).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
DEFAULT_PORTS: Final = {"http": 80, "https": 443}

REFUSAL: Final = {
    "error": "misdirected_request",
    "error_description": (
        "Local Kinde answers only under a loopback name and its own port: the Host header of this"
        " request names another server."
    ),
}


class OnlyServedHosts:
    """Answer 421 to requests whose Host header does not name the server at ``issuer``.

    Args:
        app: what serves the other requests.
        issuer: the URL that is served; its host and port are accepted, and loopback's names
            with the same port.

    Example:
        >>> from kinde_guard.local.console import OnlyServedHosts
        >>> async def app(scope, receive, send): ...
        >>> sorted(OnlyServedHosts(app, issuer="http://127.0.0.1:8787").hosts)
        ['127.0.0.1:8787', '[::1]:8787', 'localhost:8787']
    """

    def __init__(self, app: ASGIApp, *, issuer: str) -> None:
        self.app = app
        self.hosts = served_hosts(issuer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] not in {"http", "websocket"} or self._is_served(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            refusal = JSONResponse(REFUSAL, 421, {"Cache-Control": "no-store"})
            await refusal(scope, receive, send)

    def _is_served(self, scope: Scope) -> bool:
        named = Headers(scope=scope).getlist("host")
        return len(named) == 1 and named[0].lower() in self.hosts


def served_hosts(issuer: str) -> frozenset[str]:
    """Return every Host header under which the server at ``issuer`` may be addressed."""
    url = urlsplit(issuer)
    default = DEFAULT_PORTS.get(url.scheme)
    port = url.port or default
    given = url.netloc.rpartition("@")[2].removesuffix(f":{url.port}").lower()
    names = {*LOOPBACK_NAMES, given}
    with_port = {f"{name}:{port}" for name in names}
    # Clients leave the port out where it is the scheme's own.
    return frozenset(with_port | names if port == default else with_port)
