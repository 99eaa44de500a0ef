"""What a guard knows of the application that it is in front of, however it came there."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Depends, FastAPI, Security
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp

from kinde_guard import (
    ConfigurationError,
    KindeGuard,
    KindeGuardMiddleware,
    current_token,
    require_operation_scope,
    require_scopes,
)
from kinde_guard.mcp import guard_tools
from tests.core.conftest import MakeGuard
from tests.core.exchange import call, lifespan
from tests.mint import Tenant

pytestmark = pytest.mark.anyio

RESOURCE = "https://api.acme.example/mcp"
METADATA = "/.well-known/oauth-protected-resource/mcp"
TOOLS = guard_tools({"create_invoice": ["invoices:write"]})


async def ok() -> str:
    return "ok"


def app_with(**options: Any) -> FastAPI:
    app = FastAPI(**options)
    app.add_api_route("/users", ok, dependencies=[Depends(require_scopes("read:users"))])
    return app


def installed(app: FastAPI, guard: KindeGuard) -> ASGIApp:
    guard.install(app)
    return app


def by_hand(app: FastAPI, guard: KindeGuard) -> ASGIApp:
    app.add_middleware(KindeGuardMiddleware, guard=guard)
    return app


def wrapped(app: FastAPI, guard: KindeGuard) -> ASGIApp:
    return KindeGuardMiddleware(app, guard=guard)


def wrapped_below_another(app: FastAPI, guard: KindeGuard) -> ASGIApp:
    return KindeGuardMiddleware(CORSMiddleware(app), guard=guard)


PLACES = [installed, by_hand, wrapped, wrapped_below_another]


@pytest.mark.parametrize("place", PLACES)
async def test_metadata_names_scopes_of_routes_and_of_guarded_tools(
    place: Any, make_guard: MakeGuard
) -> None:
    app = app_with(middleware=[Middleware(TOOLS)])
    served = place(app, make_guard(resource=RESOURCE))
    answer = await call(served, METADATA)
    assert answer.json["scopes_supported"] == ["invoices:write", "read:users"]


async def test_metadata_names_scopes_of_tools_that_are_guarded_by_hand(
    make_guard: MakeGuard,
) -> None:
    served = KindeGuardMiddleware(TOOLS(app_with()), guard=make_guard(resource=RESOURCE))
    answer = await call(served, METADATA)
    assert answer.json["scopes_supported"] == ["invoices:write", "read:users"]


@pytest.mark.parametrize("place", PLACES)
async def test_missing_token_is_told_the_scopes_of_the_route(
    place: Any, make_guard: MakeGuard
) -> None:
    served = place(app_with(), make_guard(resource=RESOURCE))
    answer = await call(served, "/users")
    assert answer.status == 401
    assert 'scope="read:users"' in (answer.challenge or "")


async def answer_as(app: FastAPI, name: str) -> None:
    async def own(request: Request, error: Exception) -> Response:
        return JSONResponse({"by": name}, status_code=getattr(error, "status_code", 500))

    app.add_exception_handler(401, own)
    app.add_exception_handler(403, own)


@pytest.mark.parametrize("place", [wrapped, wrapped_below_another, by_hand, installed])
@pytest.mark.parametrize("authenticated", [False, True])
async def test_rejection_below_a_mount_is_answered_by_the_guarded_application(
    place: Any, authenticated: bool, guard: KindeGuard, tenant: Tenant
) -> None:
    inner, outer = app_with(), FastAPI()
    await answer_as(inner, "inner")
    await answer_as(outer, "outer")
    outer.mount("/v1", place(inner, guard))
    token = tenant.token() if authenticated else None
    answer = await call(outer, "/v1/users", token=token)
    assert (answer.status, answer.json) == (403 if authenticated else 401, {"by": "inner"})


@pytest.mark.parametrize("place", [wrapped, wrapped_below_another, by_hand, installed])
@pytest.mark.parametrize("authenticated", [False, True])
async def test_rejection_below_a_mount_is_answered_by_the_outer_application_without_own_handler(
    place: Any, authenticated: bool, guard: KindeGuard, tenant: Tenant
) -> None:
    inner, outer = app_with(), FastAPI()
    await answer_as(outer, "outer")
    outer.mount("/v1", place(inner, guard))
    token = tenant.token() if authenticated else None
    answer = await call(outer, "/v1/users", token=token)
    assert (answer.status, answer.json) == (403 if authenticated else 401, {"by": "outer"})


@pytest.mark.parametrize("place", PLACES)
async def test_colliding_operation_scopes_fail_the_startup(place: Any, guard: KindeGuard) -> None:
    needed = [Depends(require_operation_scope())]
    app, mounted = FastAPI(), FastAPI()
    app.add_api_route("/users", ok, dependencies=needed)
    mounted.add_api_route("/users", ok, dependencies=needed)
    app.mount("/admin", mounted)
    async with lifespan(place(app, guard)) as told:
        assert not told.started
        assert "GET /users and GET /admin/users" in (told.failure or "")


@pytest.mark.parametrize("place", PLACES)
async def test_scope_name_with_a_space_fails_the_startup(place: Any, guard: KindeGuard) -> None:
    app = FastAPI()
    app.add_api_route("/me", ok, dependencies=[Security(current_token, scopes=["a b"])])
    async with lifespan(place(app, guard)) as told:
        assert not told.started
        assert "'a b'" in (told.failure or "")


@pytest.mark.parametrize("given", ["/health", ["/hooks/{name}"], ["health"], ["GET  /health"]])
def test_impossible_public_path_of_the_middleware_is_refused(given: Any, guard: KindeGuard) -> None:
    with pytest.raises(ConfigurationError, match="public_paths"):
        KindeGuardMiddleware(FastAPI(), guard=guard, public_paths=given)


async def test_subclass_of_the_middleware_is_not_doubled_by_install(
    guard: KindeGuard, tenant: Tenant
) -> None:
    class Own(KindeGuardMiddleware):
        """As its base."""

    app = app_with()
    app.add_middleware(Own, guard=guard)
    guard.install(app)
    installed: list[object] = [each.cls for each in app.user_middleware]
    assert installed == [Own]
    assert (await call(app, "/docs")).status == 200
    assert (await call(app, "/users", token=tenant.token("read:users"))).status == 200
    assert (await call(app, "/users")).status == 401
    assert app.openapi()["paths"]["/users"]["get"]["security"] == [{"KindeBearer": ["read:users"]}]


async def test_guard_wrapped_in_a_mount_of_starlette_knows_its_own_application(
    make_guard: MakeGuard,
) -> None:
    guard = make_guard(resource=RESOURCE)
    app = Starlette(routes=[Mount("/v1", KindeGuardMiddleware(app_with(), guard=guard))])
    answer = await call(app, f"/v1{METADATA}")
    assert answer.json["scopes_supported"] == ["read:users"]
