"""A Kinde whose Management API does as a test says, over real HTTP: local Kinde behind a proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from kinde_guard.local import LocalKinde, LoopbackServer

#: Answers a request of the Management API itself, or returns None to pass it on.
Fault = Callable[[str, str], Response | None]


@dataclass
class ManagementProxy:
    """Where it is, and what it was asked."""

    issuer: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def proxied(kinde: LocalKinde, fault: Fault) -> Iterator[ManagementProxy]:
    proxy = ManagementProxy()
    server = LoopbackServer(lambda url: _app(kinde, url, proxy, fault))
    server.start()
    proxy.issuer = server.url
    try:
        yield proxy
    finally:
        server.stop()


def _app(kinde: LocalKinde, url: str, proxy: ManagementProxy, fault: Fault) -> FastAPI:
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "POST", "PATCH", "DELETE"])
    async def forward(request: Request) -> Response:
        path = request.url.path
        if path.startswith("/api/v1"):
            proxy.requests.append((request.method, path))
            if (answer := fault(request.method, path)) is not None:
                return answer
        # The audience that is asked for holds the issuer, here the proxy's.
        encoded = [str(httpx.QueryParams({"": one}))[1:] for one in (url, kinde.issuer)]
        body = (await request.body()).replace(encoded[0].encode(), encoded[1].encode())
        kept = {"authorization", "content-type"}
        headers = {name: value for name, value in request.headers.items() if name in kept}
        async with httpx.AsyncClient(base_url=kinde.issuer) as client:
            passed_on = await client.request(
                request.method, path, params=request.query_params, content=body, headers=headers
            )
        return Response(passed_on.content, passed_on.status_code, media_type="application/json")

    return app
