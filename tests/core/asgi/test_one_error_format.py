"""Who answers a rejection: the nearest application's own handler, else the problem document."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kinde_guard import (
    AccessDenied,
    GuardError,
    InsufficientScope,
    KindeGuard,
    KindeGuardMiddleware,
    MissingToken,
    require_scopes,
)
from tests.core.conftest import MakeGuard
from tests.core.exchange import Answer, call, check_refusal
from tests.mint import KeyServer, Tenant

pytestmark = pytest.mark.anyio

READ = [Depends(require_scopes("read:users"))]
CHALLENGE = 'Bearer realm="api"'


async def ok() -> str:
    return "ok"


def app_with(*handlers: Any, guard: KindeGuard | None = None) -> FastAPI:
    app = FastAPI()
    app.add_api_route("/users", ok, dependencies=READ)
    for handled in handlers:
        app.add_exception_handler(handled, own_answer)
    if guard is not None:
        guard.install(app)
    return app


async def own_answer(request: Request, error: Exception) -> Response:
    reason = error.reason if isinstance(error, GuardError) else "?"
    return JSONResponse({"own": reason}, status_code=getattr(error, "status_code", 500))


def own(answer: Answer) -> Any:
    return answer.status, answer.json


@pytest.mark.parametrize("handled", [401, GuardError, MissingToken])
async def test_own_handler_answers_rejection_of_the_middleware(
    handled: Any, guard: KindeGuard
) -> None:
    answer = await call(app_with(handled, guard=guard), "/users")
    assert own(answer) == (401, {"own": "missing_token"})
    assert answer.challenge == CHALLENGE


@pytest.mark.parametrize("handled", [403, GuardError, AccessDenied, InsufficientScope])
async def test_own_handler_answers_rejection_of_a_dependency_with_the_challenge_added(
    handled: Any, guard: KindeGuard, tenant: Tenant
) -> None:
    answer = await call(app_with(handled, guard=guard), "/users", token=tenant.token())
    assert own(answer) == (403, {"own": "insufficient_scope"})
    assert 'scope="read:users"' in (answer.challenge or "")
    assert answer.challenge.startswith(CHALLENGE)  # type: ignore[union-attr]


async def test_own_handler_answers_outage_with_retry_after_added(
    make_guard: MakeGuard, key_server: KeyServer, tenant: Tenant
) -> None:
    key_server.fail(500)
    answer = await call(app_with(503, guard=make_guard()), "/users", token=tenant.token())
    assert own(answer) == (503, {"own": "keys_unavailable"})
    assert answer.header("retry-after") == "1"
    assert answer.challenge is None


@pytest.mark.parametrize("handled", [Exception, HTTPException])
async def test_general_handler_is_not_asked(
    handled: Any, guard: KindeGuard, tenant: Tenant
) -> None:
    app = app_with(handled, guard=guard)
    check_refusal(await call(app, "/users"), MissingToken)
    answer = await call(app, "/users", token=tenant.token())
    check_refusal(answer, InsufficientScope, required=["read:users"])


async def test_challenge_of_the_own_handler_stays(guard: KindeGuard) -> None:
    app = app_with(guard=guard)

    @app.exception_handler(401)
    async def answer(request: Request, error: Exception) -> Response:
        return Response(status_code=401, headers={"WWW-Authenticate": "Mine"})

    assert (await call(app, "/users")).challenge == "Mine"


async def test_sync_handler_runs_in_the_thread_pool(guard: KindeGuard, tenant: Tenant) -> None:
    threads: list[threading.Thread] = []

    def answer(request: Request, error: Exception) -> Response:
        threads.append(threading.current_thread())
        return Response(status_code=418)

    app = app_with(guard=guard)
    app.add_exception_handler(401, answer)
    app.add_exception_handler(403, answer)
    assert (await call(app, "/users")).status == 418
    assert (await call(app, "/users", token=tenant.token())).status == 418
    assert threading.current_thread() not in threads
    assert len(threads) == 2


@pytest.mark.parametrize("where", ["inner", "middle", "outer"])
async def test_nearest_application_outward_answers(
    where: str, guard: KindeGuard, tenant: Tenant
) -> None:
    handlers: dict[str, Any] = {where: 403}
    inner = app_with(*filter(None, [handlers.get("inner")]))
    middle = app_with(*filter(None, [handlers.get("middle")]))
    middle.mount("/inner", inner)
    app = app_with(*filter(None, [handlers.get("outer")]))
    app.mount("/middle", middle)
    guard.install(app)
    answer = await call(app, "/middle/inner/users", token=tenant.token())
    assert own(answer) == (403, {"own": "insufficient_scope"})
    assert 'scope="read:users"' in (answer.challenge or "")


async def test_handler_of_a_sibling_application_is_not_asked(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = app_with()
    app.mount("/a", app_with(403))
    app.mount("/b", app_with())
    guard.install(app)
    answer = await call(app, "/b/users", token=tenant.token())
    check_refusal(answer, InsufficientScope, required=["read:users"])


async def test_application_around_a_mounted_guarded_application_answers(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    app.add_exception_handler(401, own_answer)
    app.add_exception_handler(403, own_answer)
    app.mount("/v1", app_with(guard=guard))
    assert own(await call(app, "/v1/users")) == (401, {"own": "missing_token"})
    answer = await call(app, "/v1/users", token=tenant.token())
    assert own(answer) == (403, {"own": "insufficient_scope"})


async def test_application_that_is_wrapped_by_hand_answers(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = KindeGuardMiddleware(app_with(401, 403), guard=guard)
    assert own(await call(app, "/users")) == (401, {"own": "missing_token"})
    answer = await call(app, "/users", token=tenant.token())
    assert own(answer) == (403, {"own": "insufficient_scope"})


async def test_rejection_is_an_http_exception_where_it_is_caught(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    seen: list[HTTPException] = []

    async def session() -> Any:
        try:
            yield
        except HTTPException as error:
            seen.append(error)
            raise
        except Exception as error:
            raise HTTPException(500) from error

    app.add_api_route("/users", ok, dependencies=[Depends(session), *READ])
    guard.install(app)
    answer = await call(app, "/users", token=tenant.token())
    check_refusal(answer, InsufficientScope, required=["read:users"])
    (error,) = seen
    assert (error.status_code, error.detail) == (403, InsufficientScope.description)
    assert error.headers == {"WWW-Authenticate": answer.challenge}


def test_error_without_a_guard_has_a_challenge_without_realm() -> None:
    error = InsufficientScope(("a", "b"))
    assert str(error) == InsufficientScope.description
    assert error.headers == {
        "WWW-Authenticate": 'Bearer error="insufficient_scope", '
        'error_description="The access token lacks a scope that this request needs.", scope="a b"'
    }


async def test_user_is_unauthenticated_after_a_rejection_of_the_middleware(
    guard: KindeGuard,
) -> None:
    seen: list[Any] = []

    class Outer:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)
            seen.append(Request(scope).user.is_authenticated)
            seen.append(list(Request(scope).auth.scopes))

    app = app_with(guard=guard)
    app.add_middleware(Outer)
    await call(app, "/users")
    assert seen == [False, []]
