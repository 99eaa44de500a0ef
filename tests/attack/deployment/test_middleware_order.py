"""Sessions, GZip, CORS and BaseHTTPMiddleware around the guard, in every order that they can have.

``install`` puts the guard innermost, whatever was added before and is added after it, so what the
others add stands on its refusals too.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from itertools import permutations
from typing import Any, Final

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse, Response

from kinde_guard import (
    GuardError,
    InsufficientScope,
    KeysUnavailable,
    KindeGuard,
    KindeGuardMiddleware,
    MissingToken,
    require_scopes,
)
from tests.core.exchange import Answer, call, challenge_of, check_refusal, problem_of
from tests.mint import AUDIENCE, DOMAIN, FrozenClock, KeyServer, Tenant

pytestmark = pytest.mark.anyio

ORIGIN: Final = "https://spa.example"
BROWSER: Final = {"origin": ORIGIN, "accept-encoding": "gzip"}
GZIPPED: Final = b"\x1f\x8b"


class Stamp(BaseHTTPMiddleware):
    """What most people write: a dispatch function that touches every answer."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-stamp"] = str(response.status_code)
        return response


MIDDLEWARE: Final = {
    "session": Middleware(SessionMiddleware, secret_key="of the tests"),
    "gzip": Middleware(GZipMiddleware, minimum_size=500),
    "cors": Middleware(CORSMiddleware, allow_origins=[ORIGIN]),
    "stamp": Middleware(Stamp),
}


@pytest.fixture
def guard(key_server: KeyServer, clock: FrozenClock) -> KindeGuard:
    client = key_server.client()
    return KindeGuard(DOMAIN, audience=AUDIENCE, clock=clock, http_client=client)


def app_of_visits() -> FastAPI:
    app = FastAPI()

    @app.get("/visits", dependencies=[Depends(require_scopes("read:users"))])
    async def visits(request: Request) -> dict[str, Any]:
        seen = request.session.get("seen", 0) + 1
        request.session["seen"] = seen
        return {"seen": seen, "principal": request.user.principal, "long": "x" * 1000}

    return app


def add(app: FastAPI, name: str) -> None:
    middleware = MIDDLEWARE[name]
    app.add_middleware(middleware.cls, *middleware.args, **middleware.kwargs)


def unzipped(answer: Answer) -> Any:
    """Return the body; GZip packs whatever a BaseHTTPMiddleware hands on, however short it is."""
    zipped = answer.body[:2] == GZIPPED
    assert zipped == (headers_of(answer).get("content-encoding") == "gzip")
    return json.loads(gzip.decompress(answer.body) if zipped else answer.body)


def headers_of(answer: Answer) -> dict[str, str]:
    return dict(answer.headers)


ORDERS = list(permutations(MIDDLEWARE))


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_every_order_gives_the_same_answers(
    order: tuple[str, ...], guard: KindeGuard, tenant: Tenant
) -> None:
    for place in range(len(order) + 1):
        app = app_of_visits()
        for name in order[:place]:
            add(app, name)
        guard.install(app)
        for name in order[place:]:
            add(app, name)
        await check_answers(app, tenant)


async def check_answers(app: FastAPI, tenant: Tenant) -> None:
    good = await call(app, "/visits", token=tenant.token("read:users"), headers=BROWSER)
    assert good.status == 200
    assert good.body[:2] == GZIPPED
    assert "session=" in headers_of(good)["set-cookie"]

    missing = await call(app, "/visits", headers=BROWSER)
    lacking = await call(app, "/visits", token=tenant.token("other"), headers=BROWSER)
    assert [missing.status, lacking.status] == [401, 403]
    assert missing.challenge == challenge_of(MissingToken)
    assert unzipped(missing) == problem_of(MissingToken)
    assert lacking.challenge == challenge_of(InsufficientScope, scope="read:users")
    assert unzipped(lacking) == problem_of(InsufficientScope, ["read:users"])
    for answer in (good, missing, lacking):
        assert headers_of(answer)["access-control-allow-origin"] == ORIGIN
        assert headers_of(answer)["x-stamp"] == str(answer.status)
    assert headers_of(missing)["cache-control"] == "no-store"


async def test_session_lasts_over_refusals_in_between(guard: KindeGuard, tenant: Tenant) -> None:
    app = app_of_visits()
    guard.install(app)
    add(app, "session")
    token = tenant.token("read:users")
    first = await call(app, "/visits", token=token)
    cookie = {"cookie": headers_of(first)["set-cookie"].partition(";")[0]}
    refused = await call(app, "/visits", headers=cookie)
    assert refused.status == 401
    again = await call(app, "/visits", token=token, headers=cookie)
    assert (first.json["seen"], again.json["seen"]) == (1, 2)


async def test_session_alone_lets_nobody_in(guard: KindeGuard, tenant: Tenant) -> None:
    app = app_of_visits()
    guard.install(app)
    add(app, "session")
    first = await call(app, "/visits", token=tenant.token("read:users"))
    cookie = {"cookie": headers_of(first)["set-cookie"].partition(";")[0]}
    check_refusal(await call(app, "/visits", headers=cookie), MissingToken)


async def test_preflight_is_answered_by_cors_and_any_other_options_request_is_refused(
    guard: KindeGuard,
) -> None:
    app = app_of_visits()
    guard.install(app)
    add(app, "cors")
    asked = {"origin": ORIGIN, "access-control-request-method": "GET"}
    assert (await call(app, "/visits", method="OPTIONS", headers=asked)).status == 200
    assert (await call(app, "/visits", method="OPTIONS", headers=BROWSER)).status == 401


async def test_guard_that_was_put_outermost_by_hand_refuses_before_all_others(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = app_of_visits()
    for name in MIDDLEWARE:
        add(app, name)
    app.add_middleware(KindeGuardMiddleware, guard=guard)
    check_refusal(await call(app, "/visits", headers=BROWSER), MissingToken)
    good = await call(app, "/visits", token=tenant.token("read:users"), headers=BROWSER)
    assert (good.status, headers_of(good)["x-stamp"]) == (200, "200")
    lacking = await call(app, "/visits", token=tenant.token("other"), headers=BROWSER)
    assert (lacking.status, headers_of(lacking)["x-stamp"]) == (403, "403")


async def test_outage_passes_through_every_middleware_as_a_503(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    key_server.fail(500)
    app = app_of_visits()
    guard.install(app)
    for name in MIDDLEWARE:
        add(app, name)
    answer = await call(app, "/visits", token=tenant.token("read:users"), headers=BROWSER)
    assert (answer.status, unzipped(answer)) == (503, problem_of(KeysUnavailable))
    assert headers_of(answer)["retry-after"] == "1"
    assert headers_of(answer)["access-control-allow-origin"] == ORIGIN


# --- exception handlers --------------------------------------------------------------------------


async def swallow(_: Request, error: Exception) -> Response:
    return JSONResponse({"swallowed": type(error).__name__})


async def swallow_http(_: Request, error: Exception) -> Response:
    return JSONResponse({"swallowed": type(error).__name__}, 418)


@pytest.mark.parametrize("installed_first", [True, False])
@pytest.mark.parametrize("by_hand", [True, False])
async def test_handlers_that_catch_every_exception_do_not_turn_a_refusal_into_a_200(
    by_hand: bool, installed_first: bool, guard: KindeGuard, tenant: Tenant
) -> None:
    def install() -> None:
        if by_hand:
            app.add_middleware(KindeGuardMiddleware, guard=guard)
        else:
            guard.install(app)

    app = app_of_visits()
    if installed_first:
        install()
    app.add_exception_handler(Exception, swallow)
    app.add_exception_handler(HTTPException, swallow_http)
    if not installed_first:
        install()
    check_refusal(await call(app, "/visits"), MissingToken)
    lacking = await call(app, "/visits", token=tenant.token("other"))
    check_refusal(lacking, InsufficientScope, required=["read:users"])


async def test_handler_of_the_application_for_refusals_is_the_one_that_answers(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = app_of_visits()

    @app.exception_handler(GuardError)
    async def own(_: Request, error: GuardError) -> Response:
        return JSONResponse({"mine": error.reason}, error.status)

    guard.install(app)
    lacking = await call(app, "/visits", token=tenant.token("other"))
    assert (lacking.status, lacking.json) == (403, {"mine": "insufficient_scope"})
    nothing = await call(app, "/visits")
    assert (nothing.status, nothing.json) == (401, {"mine": "missing_token"})
    assert headers_of(nothing)["www-authenticate"] == 'Bearer realm="api"'


async def test_error_of_a_route_is_no_refusal(guard: KindeGuard, tenant: Tenant) -> None:
    app = FastAPI()
    guard.install(app)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await call(app, "/broken", token=tenant.token())
    assert guard.stats.rejected == {}


class Careless(BaseHTTPMiddleware):
    """A middleware that makes an answer of its own of whatever is raised behind it."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        try:
            return await call_next(request)
        except Exception as error:  # noqa: BLE001
            return JSONResponse({"careless": type(error).__name__})


async def test_middleware_that_swallows_exceptions_gets_none_of_a_refusal(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = app_of_visits()
    guard.install(app)
    app.add_middleware(Careless)
    check_refusal(await call(app, "/visits"), MissingToken)
    lacking = await call(app, "/visits", token=tenant.token("other"))
    check_refusal(lacking, InsufficientScope, required=["read:users"])


# --- background tasks ----------------------------------------------------------------------------

Around = Callable[[FastAPI], None]


def bare(_: FastAPI) -> None:
    """Put nothing around."""


def stamped(app: FastAPI) -> None:
    add(app, "stamp")


@pytest.mark.parametrize("around", [bare, stamped])
async def test_background_task_runs_after_an_answer_with_its_token_and_never_after_a_refusal(
    around: Around, guard: KindeGuard, tenant: Tenant, clock: FrozenClock
) -> None:
    ran: list[str | None] = []
    app = FastAPI()

    @app.post("/mail", dependencies=[Depends(require_scopes("send:mail"))])
    async def mail(request: Request, tasks: BackgroundTasks) -> None:
        async def later() -> None:
            # Long after: what was verified stays what it was.
            clock.advance(1_000_000)
            ran.append(request.user.principal)

        tasks.add_task(later)

    guard.install(app)
    around(app)
    assert (await call(app, "/mail", method="POST")).status == 401
    assert (await call(app, "/mail", method="POST", token=tenant.token())).status == 403
    assert ran == []
    answer = await call(app, "/mail", method="POST", token=tenant.token("send:mail"))
    assert (answer.status, len(ran), bool(ran[0])) == (200, 1, True)
