"""Only requests that the console's own pages make, and the person at the browser's address bar.

The browser says where a request comes from: ``Sec-Fetch-Site`` (Fetch Metadata) on all of them,
``Origin`` on those that may change something. Cookies alone do not tell: another port of 127.0.0.1
is another origin but the same site, and cookies do not see ports at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from kinde_guard.local.console.problems import FromAnotherSite

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
READERS: Final = frozenset({"same-origin", "none"})
"""Where a request that only reads may come from; "none" is the address bar or a bookmark."""


class RefuseOtherOrigins:
    """Answer only what ``check_origin`` lets through.

    Args:
        app: what serves those requests.
        issuer: the URL that is served.
        answer: makes the answer to the others.
    """

    def __init__(
        self, app: ASGIApp, *, issuer: str, answer: Callable[[Request, FromAnotherSite], Response]
    ) -> None:
        self.app = app
        self.issuer = issuer
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        app = self.app
        if scope["type"] == "http":
            try:
                check_origin(scope["method"], Headers(scope=scope), self.issuer)
            except FromAnotherSite as problem:
                app = self.answer(Request(scope, receive), problem)
        await app(scope, receive, send)


def check_origin(method: str, headers: Headers, issuer: str) -> None:
    """Raise ``FromAnotherSite`` unless the request is the console's own.

    A request that only reads may lack the browser's word, as that of a program does. One that
    changes something must carry it.
    """
    site = headers.get("sec-fetch-site")
    if method in SAFE_METHODS:
        if site is not None and site not in READERS:
            raise FromAnotherSite
        return
    origins = headers.getlist("origin")
    own = f"{urlsplit(issuer).scheme}://{headers.get('host', '').lower()}"
    if site not in {None, "same-origin"} or (origins and origins != [own]):
        raise FromAnotherSite
    if site is None and not origins:
        raise FromAnotherSite
