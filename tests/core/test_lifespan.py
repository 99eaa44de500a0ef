"""The ASGI lifespan: warm before the first request, let go after the last, start in an outage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette

from kinde_guard import KeysUnavailable, KindeGuard, KindeGuardMiddleware
from tests.core.conftest import MakeApp, MakeGuard
from tests.core.exchange import call, lifespan, settle
from tests.mint import FrozenClock, KeyServer, Tenant

pytestmark = pytest.mark.anyio


async def test_startup_warms_the_keys_so_that_requests_fetch_nothing(
    app: FastAPI, tenant: Tenant, key_server: KeyServer
) -> None:
    async with lifespan(app) as told:
        assert told.started
        assert key_server.fetches == 1
        assert (await call(app, "/users", token=tenant.token("read:users"))).status == 200
        assert key_server.fetches == 1
    assert told.stopped


async def test_startup_with_keys_out_of_reach_starts_and_answers_503_until_they_come(
    app: FastAPI, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    key_server.fail(500)
    async with lifespan(app) as told:
        assert told.started
        token = tenant.token("read:users")
        assert (await call(app, "/users", token=token)).status == 503
        assert (await call(app, "/open")).status == 200
        key_server.recover()
        monotonic.advance(60)
        assert (await call(app, "/users", token=token)).status == 200
    assert told.stopped


async def test_startup_with_keys_that_hang_starts_after_the_timeout(
    make_app: MakeApp, key_server: KeyServer
) -> None:
    app = make_app(jwks_timeout=0.05)
    key_server.hold()
    async with lifespan(app) as told:
        assert told.started
    key_server.release()


async def test_startup_with_fail_fast_and_no_keys_fails(
    make_app: MakeApp, key_server: KeyServer
) -> None:
    key_server.fail(500)
    async with lifespan(make_app(fail_fast=True)) as told:
        assert not told.started
        assert told.failure


async def test_startup_with_fail_fast_and_keys_starts(
    make_app: MakeApp, key_server: KeyServer
) -> None:
    async with lifespan(make_app(fail_fast=True)) as told:
        assert told.started
    assert told.stopped
    assert key_server.fetches == 1


async def test_startup_with_fail_fast_does_not_run_the_apps_own_startup_without_keys(
    make_guard: MakeGuard, key_server: KeyServer
) -> None:
    ran: list[str] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        ran.append("startup")
        yield

    app = FastAPI(lifespan=own)
    make_guard(fail_fast=True).install(app)
    key_server.fail(500)
    async with lifespan(app) as told:
        assert not told.started
    assert ran == []


@pytest.mark.parametrize("make", [FastAPI, Starlette])
async def test_lifespan_of_the_app_runs_and_its_state_arrives(
    make: type[Starlette], guard: KindeGuard
) -> None:
    ran: list[str] = []

    @asynccontextmanager
    async def own(app: Any) -> AsyncIterator[dict[str, str]]:
        ran.append("startup")
        yield {"pool": "open"}
        ran.append("shutdown")

    app = make(lifespan=own)
    guard.install(app)
    async with lifespan(app) as told:
        assert ran == ["startup"]
        assert told.state == {"pool": "open"}
    assert ran == ["startup", "shutdown"]
    assert told.stopped


async def test_keys_are_there_before_the_apps_own_startup_code_runs(
    guard: KindeGuard, tenant: Tenant
) -> None:
    seen: list[bool] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        seen.append(guard.ready)
        yield

    app = FastAPI(lifespan=own)
    guard.install(app)
    async with lifespan(app):
        assert seen == [True]


async def test_startup_failure_of_the_app_is_told_to_the_server(guard: KindeGuard) -> None:
    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        raise RuntimeError("no database")
        yield

    app = FastAPI(lifespan=own)
    guard.install(app)
    async with lifespan(app) as told:
        assert not told.started
        assert "no database" in (told.failure or "")


async def test_startup_warms_the_keys_under_the_middleware_by_hand(
    guard: KindeGuard, key_server: KeyServer
) -> None:
    app = FastAPI()
    app.add_middleware(KindeGuardMiddleware, guard=guard)
    async with lifespan(app) as told:
        assert told.started
        assert key_server.fetches == 1


async def test_shutdown_leaves_no_task_behind(
    app: FastAPI, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    before = asyncio.all_tasks()
    async with lifespan(app):
        monotonic.advance(601)
        key_server.hold()
        await call(app, "/users", token=tenant.token("read:users"))
        await settle()
        assert key_server.fetches == 2
    await settle()
    assert asyncio.all_tasks() == before


async def test_app_that_is_started_again_works_again(
    app: FastAPI, tenant: Tenant, key_server: KeyServer
) -> None:
    for _ in range(2):
        async with lifespan(app) as told:
            assert told.started
            assert (await call(app, "/users", token=tenant.token("read:users"))).status == 200
        assert told.stopped
    assert key_server.fetches <= 2


async def test_app_without_lifespan_works_on_the_first_request(
    app: FastAPI, tenant: Tenant, key_server: KeyServer
) -> None:
    assert (await call(app, "/users", token=tenant.token("read:users"))).status == 200
    assert key_server.fetches == 1


async def test_scope_of_another_type_never_reaches_the_app_unguarded(guard: KindeGuard) -> None:
    reached: list[str] = []
    sent: list[Any] = []

    async def bare(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])

    async def receive() -> Any:
        return {"type": "telepathy.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    middleware = KindeGuardMiddleware(bare, guard=guard)
    with suppress(Exception):  # any error is a no
        await middleware({"type": "telepathy", "headers": [], "path": "/"}, receive, send)
    assert reached == []


# --- without an app ------------------------------------------------------------------------------


async def test_async_with_warms_and_closes(make_guard: MakeGuard, key_server: KeyServer) -> None:
    before = asyncio.all_tasks()
    async with make_guard() as guard:
        assert isinstance(guard, KindeGuard)
        assert guard.ready
        assert key_server.fetches == 1
    await settle()
    assert asyncio.all_tasks() == before


async def test_async_with_in_an_outage_enters(make_guard: MakeGuard, key_server: KeyServer) -> None:
    key_server.fail(500)
    async with make_guard() as guard:
        assert not guard.ready


async def test_async_with_fail_fast_in_an_outage_raises(
    make_guard: MakeGuard, key_server: KeyServer
) -> None:
    key_server.fail(500)
    with pytest.raises(KeysUnavailable):
        async with make_guard(fail_fast=True):
            raise AssertionError("entered without keys")


async def test_warm_in_an_outage_raises(guard: KindeGuard, key_server: KeyServer) -> None:
    key_server.fail(500)
    with pytest.raises(KeysUnavailable):
        await guard.warm()


async def test_aclose_twice_is_fine(guard: KindeGuard) -> None:
    await guard.warm()
    await guard.aclose()
    await guard.aclose()


async def test_guard_that_was_closed_can_be_used_again(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    await guard.warm()
    await guard.aclose()
    monotonic.advance(100_000)
    assert (await guard.verify(tenant.token("a"))).scopes == {"a"}
    assert key_server.fetches == 2


async def test_client_of_the_caller_is_left_open_at_shutdown(
    make_app: MakeApp, key_server: KeyServer
) -> None:
    client = key_server.client()
    async with lifespan(make_app(http_client=client)):
        pass
    assert not client.is_closed
    await client.aclose()


def names(tasks: Iterable[asyncio.Task[Any]]) -> set[str]:
    return {task.get_name() for task in tasks}


async def test_idle_guard_makes_no_task_and_no_fetch(
    guard: KindeGuard, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    before = names(asyncio.all_tasks())
    await guard.warm()
    monotonic.advance(100_000)
    await settle()
    assert names(asyncio.all_tasks()) == before
    assert key_server.fetches == 1
