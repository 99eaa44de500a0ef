"""A guard that is missing, stands twice, stands elsewhere, or cannot decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket
from fastapi.responses import PlainTextResponse
from starlette.requests import Request

from kinde_guard import (
    ConfigurationError,
    KeysUnavailable,
    KindeGuardMiddleware,
    MissingToken,
    WrongAudience,
    current_token,
    optional_token,
    require_any_scope,
    require_operation_scope,
    require_org,
    require_permissions,
    require_scopes,
    require_token,
)
from tests.attack.bypass.target import MakeGuard, Target
from tests.core.exchange import call, check_refusal, connect, lifespan
from tests.mint import AUDIENCE, KeyServer, Tenant

pytestmark = pytest.mark.anyio

EVERY_DEPENDENCY: dict[str, Callable[[], Any]] = {
    "require_scopes": lambda: Depends(require_scopes("read:users")),
    "require_any_scope": lambda: Depends(require_any_scope("read:users")),
    "require_token": lambda: Depends(require_token()),
    "require_permissions": lambda: Depends(require_permissions("read:users")),
    "require_org": lambda: Depends(require_org("org")),
    "require_operation_scope": lambda: Depends(require_operation_scope()),
    "current_token": lambda: Security(current_token, scopes=["read:users"]),
    "current_token-bare": lambda: Depends(current_token),
    "optional_token": lambda: Depends(optional_token),
}


@pytest.mark.parametrize("make", EVERY_DEPENDENCY.values(), ids=EVERY_DEPENDENCY)
@pytest.mark.parametrize("level", ["route", "router", "application"])
async def test_application_without_a_guard_lets_nobody_through(
    level: str, make: Callable[[], Any], tenant: Tenant
) -> None:
    """A route that asks for scopes, in an application whose guard nobody installed.

    Seen: guards whose dependency passes where its middleware or its settings are missing;
    FastAPI-Production-Boilerplate, issue 19.
    """
    reached: list[str] = []
    app = FastAPI(dependencies=[make()] if level == "application" else None)
    router = APIRouter(dependencies=[make()] if level == "router" else None)

    @router.get("/orgs/{org}", dependencies=[make()] if level == "route" else None)
    async def route(org: str) -> None:
        reached.append(org)

    app.include_router(router)
    good = tenant.token("read:users", "get:orgs_org", permissions=["read:users"], org_code="org_1")
    for token in (None, good):
        answer = await call(app, "/orgs/org_1", token=token)
        assert (answer.status, reached) == (500, [])


async def test_websocket_without_a_guard_lets_nobody_through(tenant: Tenant) -> None:
    """A WebSocket route that asks for a token, in an application without a guard.

    Seen: headroom, issue 3281.
    """
    app, reached = FastAPI(), list[str]()

    @app.websocket("/feed")
    async def feed(websocket: WebSocket, token: Any = Depends(require_token())) -> None:  # noqa: B008
        reached.append("feed")
        await websocket.accept()

    talk = await connect(app, "/feed", token=tenant.token())
    assert (talk.accepted, reached) == (False, [])


def test_guard_is_not_installed_twice(make_guard: MakeGuard) -> None:
    """Two guards installed on one application, of which one might undo what the other did.

    Seen: registries in which a second entry replaces the first in silence.
    """
    app = FastAPI()
    make_guard().install(app)
    with pytest.raises(ConfigurationError):
        make_guard(audience="https://bills.acme.example").install(app)


async def test_two_middlewares_must_both_let_the_caller_in(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    """Two guards added by hand, with different audiences: either refusal is one.

    Seen: chains of authenticators of which any one is enough.
    """
    app, reached = FastAPI(), list[str]()

    @app.get("/plain")
    async def plain() -> None:
        reached.append("plain")

    app.add_middleware(KindeGuardMiddleware, guard=make_guard())
    app.add_middleware(KindeGuardMiddleware, guard=make_guard(audience="https://bills.example"))
    for audience in (AUDIENCE, "https://bills.example"):
        check_refusal(await call(app, "/plain", token=tenant.token(aud=audience)), WrongAudience)
    check_refusal(await call(app, "/plain"), MissingToken)
    assert reached == []
    both = [AUDIENCE, "https://bills.example"]
    assert (await call(app, "/plain", token=tenant.token(aud=both))).status == 200


async def test_inner_guard_does_not_take_over_what_the_outer_one_let_in(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    """A public path of a mounted application's guard, with a token that only the outer one knows.

    Seen: state that a first authenticator leaves behind for the second.
    """
    inner = FastAPI()

    @inner.get("/open")
    async def open_route(request: Request, token: Any = Depends(optional_token)) -> dict[str, Any]:  # noqa: B008
        return {"token": token is not None, "user": request.user.is_authenticated}

    make_guard(audience="https://bills.example").install(inner)
    outer = FastAPI()
    outer.mount("/bills", inner)
    make_guard(public_paths=["/bills/*"]).install(outer)
    assert (await call(outer, "/bills/open")).json == {"token": False, "user": False}
    # The outer guard lets this token in; the inner one, whose API it is not for, does not.
    check_refusal(await call(outer, "/bills/open", token=tenant.token()), WrongAudience)


@pytest.mark.parametrize("place", ["before", "after"])
async def test_routes_are_guarded_whenever_they_are_added(
    place: str, make_guard: MakeGuard
) -> None:
    """A route that was added before or after the guard, and asks for nothing.

    Seen: guards made of dependencies, which cover the routes that somebody thought of.
    """
    app, guard = FastAPI(), make_guard()
    if place == "after":
        guard.install(app)

    @app.get("/plain")
    async def plain() -> None:
        raise AssertionError("reached")

    if place == "before":
        guard.install(app)
    check_refusal(await call(app, "/plain"), MissingToken)
    check_refusal(await call(app, "/no-such-route"), MissingToken)


@pytest.mark.parametrize("code", [404, 405, 422])
async def test_caller_without_a_token_does_not_learn_which_routes_there_are(
    code: int, make_guard: MakeGuard, tenant: Tenant
) -> None:
    """A caller without a token who looks for routes by their 404, 405 and 422.

    Seen: dependencies, which FastAPI asks only after routing, and beside the check of the body.
    """
    app = FastAPI()

    @app.post("/users/{number}")
    async def create(number: int, name: str) -> None: ...

    make_guard().install(app)
    path, method = {404: ("/x", "GET"), 405: ("/users/1", "GET"), 422: ("/users/a", "POST")}[code]
    check_refusal(await call(app, path, method=method), MissingToken)
    assert (await call(app, path, method=method, token=tenant.token())).status == code


FAULTS: dict[str, Any] = {
    "refused": httpx.ConnectError("refused"),
    "500": 500,
    "redirect": httpx.Response(302, headers={"location": "https://evil.example/jwks"}),
    "html": httpx.Response(200, text="<html>"),
    "empty": httpx.Response(200, json={"keys": []}),
    "none": httpx.Response(200, json={"keys": [{"kty": "oct", "k": "AA", "kid": "x"}]}),
    "error": RuntimeError("anything"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_outage_of_the_issuer_opens_no_door(
    fault: Any, target: Target, tenant: Tenant, key_server: KeyServer
) -> None:
    """Good and forged tokens while nobody can tell one from the other.

    Seen: ``except Exception`` around the check, and what follows it; gateways that fail open.
    """
    key_server.fail(fault)
    for path in ("/users", "/anything", "/open"):
        for token in (tenant.token("read:users"), tenant.token("read:users", exp=1)):
            answer = await call(target.app, path, token=token)
            assert target.reached == []
            assert (answer.status, answer.json["reason"]) == (503, KeysUnavailable.reason)


async def test_application_that_starts_without_keys_is_closed(
    target: Target, tenant: Tenant, key_server: KeyServer
) -> None:
    """Requests to an application that started while the issuer was down.

    Seen: checks that are put in place by a start-up hook which did not end well.
    """
    key_server.fail(500)
    async with lifespan(target.app) as told:
        assert told.started
        await target.refuses(MissingToken)
        answer = await call(target.app, "/users", token=tenant.token("read:users"))
        assert (answer.status, target.reached) == (503, [])


async def test_handler_of_the_application_for_every_exception_opens_no_door(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    """An application that answers every exception with 200.

    Seen: catch-all handlers that turn a refusal into an answer.
    """
    app, reached = FastAPI(), list[str]()

    @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
    async def users() -> None:
        reached.append("users")

    make_guard().install(app)

    @app.exception_handler(Exception)
    async def swallow(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("fine")

    check_refusal(await call(app, "/users"), MissingToken)
    answer = await call(app, "/users", token=tenant.token("openid"))
    assert (answer.status, reached) == (403, [])
