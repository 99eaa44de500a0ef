"""Scopes that are told before routing: in resource metadata, and to a request without a token."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from kinde_guard import current_token, require_operation_scope, require_org, require_scopes
from kinde_guard.requirements.before_routing import needed_scopes, scopes_supported
from tests.core.conftest import MakeGuard
from tests.core.exchange import call

RESOURCE = "https://api.acme.example"
PATH = "/.well-known/oauth-protected-resource"


class ToolScopes:
    """Middleware that names the scopes which it requires."""

    scopes = frozenset({"tools:call"})

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


async def served() -> str:
    return "served"


@pytest.fixture
def app() -> FastAPI:
    inner = FastAPI()
    inner.get("/{name}", dependencies=[Depends(require_scopes("inner"))])(served)
    router = APIRouter(prefix="/r", dependencies=[Depends(require_scopes("router"))])
    router.get("/users")(served)
    app = FastAPI(middleware=[Middleware(ToolScopes)])
    app.get("/users", dependencies=[Depends(require_scopes("read", "audit"))])(served)
    app.post("/users", dependencies=[Security(current_token, scopes=["write"])])(served)
    app.get("/orders/{id}", dependencies=[Depends(require_operation_scope())])(served)
    app.get("/lost", dependencies=[Depends(require_org("nowhere"))])(served)
    app.include_router(router)
    app.mount("/v1", inner)
    return app


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "/users", ("read", "audit")),
        ("HEAD", "/users", ("read", "audit")),
        ("POST", "/users", ("write",)),
        ("PUT", "/users", ()),
        ("GET", "/users/", ()),
        ("GET", "/orders/5", ("get:orders_id",)),
        ("GET", "/r/users", ("router",)),
        ("GET", "/v1/anything", ("inner",)),
        ("GET", "/v1", ()),
        ("GET", "/v12/anything", ()),
        ("GET", "/lost", ()),
        ("GET", "/nowhere", ()),
        ("GET", "/openapi.json", ()),
    ],
)
def test_scopes_of_the_route_that_will_answer(
    method: str, path: str, scopes: tuple[str, ...], app: FastAPI
) -> None:
    assert needed_scopes(app, method, path) == scopes


def test_application_without_routes_that_can_be_read_needs_none() -> None:
    assert needed_scopes(served, "GET", "/users") == ()
    assert scopes_supported(served) == set()


def test_supported_are_the_scopes_of_routes_mounts_and_middleware(app: FastAPI) -> None:
    names = {"read", "audit", "write", "router", "inner", "tools:call"}
    assert scopes_supported(app) >= names


@pytest.mark.anyio
async def test_challenge_without_a_token_names_metadata_and_scopes(make_guard: MakeGuard) -> None:
    app = FastAPI()
    app.get("/users", dependencies=[Depends(require_scopes("read", "audit"))])(served)
    app.get("/plain")(served)
    guard = make_guard(resource=RESOURCE)
    guard.install(app)
    metadata = f'resource_metadata="{RESOURCE}{PATH}"'
    assert (await call(app, "/users")).challenge == (
        f'Bearer realm="api", scope="read audit", {metadata}'
    )
    assert (await call(app, "/plain")).challenge == f'Bearer realm="api", {metadata}'
    forged = await call(app, "/users", token="a.b.c")
    assert forged.status == 401
    assert "scope=" not in (forged.challenge or "")
    assert metadata in (forged.challenge or "")
    document = await call(app, PATH)
    assert document.status == 200
    assert document.json["scopes_supported"] == ["audit", "read"]
