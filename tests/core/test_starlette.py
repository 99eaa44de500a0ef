"""Plain Starlette: request.user, request.auth and its own @requires."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, UnauthenticatedUser, requires
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from kinde_guard import AccessToken, InsufficientScope, KindeGuard, MissingToken
from tests.core.conftest import MakeGuard
from tests.core.exchange import call, check_refusal, connect
from tests.mint import CLIENT_ID, NOW, Tenant

pytestmark = pytest.mark.anyio


@requires("read:users")
async def list_users(request: Request) -> Response:
    return JSONResponse({"route": "users"})


@requires(["read:users", "create:users"], status_code=404)
async def create_user(request: Request) -> Response:
    return JSONResponse({"route": "create"})


async def whoami(request: Request) -> Response:
    user = request.user
    return JSONResponse(
        {
            "authenticated": user.is_authenticated,
            "identity": user.identity if user.is_authenticated else None,
            "scopes": list(request.auth.scopes),
        }
    )


@requires("read:users")
async def feed(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


@pytest.fixture
def starlette_app(make_guard: MakeGuard) -> Starlette:
    app = Starlette(
        routes=[
            Route("/users", list_users),
            Route("/users", create_user, methods=["POST"]),
            Route("/me", whoami),
            Route("/open", whoami),
            WebSocketRoute("/feed", feed),
            Mount("/sub", routes=[Route("/users", list_users)]),
        ]
    )
    make_guard(public_paths=("/open",)).install(app)
    return app


async def test_request_without_a_token_gives_the_whole_401(starlette_app: Starlette) -> None:
    check_refusal(await call(starlette_app, "/users"), MissingToken)


@pytest.mark.parametrize("path", ["/users", "/sub/users"])
async def test_requires_with_the_scope_reaches_the_endpoint(
    path: str, starlette_app: Starlette, tenant: Tenant
) -> None:
    answer = await call(starlette_app, path, token=tenant.token("read:users"))
    assert (answer.status, answer.json) == (200, {"route": "users"})


@pytest.mark.parametrize("path", ["/users", "/sub/users"])
async def test_requires_without_the_scope_gives_its_403(
    path: str, starlette_app: Starlette, tenant: Tenant
) -> None:
    assert (await call(starlette_app, path, token=tenant.token("create:users"))).status == 403


async def test_requires_with_one_of_two_scopes_gives_its_own_status(
    starlette_app: Starlette, tenant: Tenant
) -> None:
    held = tenant.token("read:users")
    assert (await call(starlette_app, "/users", method="POST", token=held)).status == 404
    held = tenant.token("read:users", "create:users")
    assert (await call(starlette_app, "/users", method="POST", token=held)).status == 200


async def test_requires_on_a_websocket_closes_without_the_scope(
    starlette_app: Starlette, tenant: Tenant
) -> None:
    assert (await connect(starlette_app, token=tenant.token("read:users"))).accepted
    assert not (await connect(starlette_app, token=tenant.token())).accepted
    assert not (await connect(starlette_app)).accepted


async def test_user_and_auth_are_those_of_the_token(
    starlette_app: Starlette, tenant: Tenant
) -> None:
    answer = await call(starlette_app, "/me", token=tenant.token("b", "a"))
    body = answer.json
    assert body | {"scopes": sorted(body["scopes"])} == {
        "authenticated": True,
        "identity": CLIENT_ID,
        "scopes": ["a", "authenticated", "b"],
    }


async def test_public_path_without_a_token_has_an_unauthenticated_user(
    starlette_app: Starlette,
) -> None:
    answer = await call(starlette_app, "/open")
    assert answer.json == {"authenticated": False, "identity": None, "scopes": []}


async def test_types_of_user_and_auth_are_starlettes(make_guard: MakeGuard, tenant: Tenant) -> None:
    seen: list[Any] = []

    async def look(request: Request) -> Response:
        seen.append((request.user, request.auth))
        return Response()

    app = Starlette(routes=[Route("/open", look)])
    make_guard(public_paths=("/open",)).install(app)
    await call(app, "/open", token=tenant.token("a"))
    await call(app, "/open")

    assert isinstance(seen[0][0], AccessToken)
    assert isinstance(seen[0][1], AuthCredentials)
    assert isinstance(seen[1][0], UnauthenticatedUser)
    assert isinstance(seen[1][1], AuthCredentials)
    assert list(seen[1][1].scopes) == []


async def test_change_of_the_auth_scopes_does_not_reach_the_next_request(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    async def spoil(request: Request) -> Response:
        request.auth.scopes.append("admin")
        return JSONResponse(sorted(request.user.scopes))

    @requires("admin")
    async def admin(request: Request) -> Response:
        return Response()

    app = Starlette(routes=[Route("/spoil", spoil), Route("/admin", admin)])
    make_guard().install(app)
    raw = tenant.token("a")
    assert (await call(app, "/spoil", token=raw)).json == ["a"]
    assert (await call(app, "/admin", token=raw)).status == 403


async def test_guard_error_raised_by_an_endpoint_is_answered_as_one(
    guard: KindeGuard, tenant: Tenant
) -> None:
    async def endpoint(request: Request) -> Response:
        raise InsufficientScope(("read:rows",))

    app = Starlette(routes=[Route("/x", endpoint)])
    guard.install(app)
    answer = await call(app, "/x", token=tenant.token())
    check_refusal(answer, InsufficientScope, required=["read:rows"])


async def test_expired_token_is_refused_before_requires_is_asked(
    starlette_app: Starlette, tenant: Tenant
) -> None:
    answer = await call(starlette_app, "/users", token=tenant.token("read:users", exp=NOW - 60))
    assert (answer.status, answer.json["reason"]) == (401, "expired_token")
