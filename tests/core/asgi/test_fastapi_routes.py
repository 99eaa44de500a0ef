"""Routes of versions of FastAPI that keep no route contexts."""

from __future__ import annotations

import pytest
from fastapi import FastAPI, routing
from starlette.routing import Host, Mount

from kinde_guard.asgi.fastapi_routes import iter_routes


async def endpoint() -> None: ...


@pytest.fixture(autouse=True)
def _without_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(routing, "iter_route_contexts", raising=False)


def test_route_without_a_context_is_its_own() -> None:
    app = FastAPI(openapi_url=None)
    app.get("/users")(endpoint)
    (context,) = iter_routes(app.routes)
    assert context.original_route is app.routes[0]
    assert (context.path, context.methods) == ("/users", {"GET"})
    assert context.endpoint is endpoint
    assert context.dependant.call is endpoint


def test_what_a_route_lacks_is_none_where_routes_differ_and_an_error_elsewhere() -> None:
    (context,) = iter_routes([Host("api.acme.com", Mount("/v1", routes=[]))])
    assert (context.path, context.methods, context.endpoint) == (None, None, None)
    with pytest.raises(AttributeError):
        _ = context.dependant
