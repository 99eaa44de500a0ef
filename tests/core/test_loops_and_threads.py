"""One guard in several event loops, threads and forked processes; nothing is bound too early."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi import FastAPI

from kinde_guard import AccessToken, KeysUnavailable, KindeGuard, UnknownKey
from tests.core.conftest import MakeGuard
from tests.core.exchange import eventually
from tests.mint import FrozenClock, KeyServer, LoopbackKeyServer, SigningKey, Tenant


def verify(guard: KindeGuard, raw: str) -> AccessToken:
    return asyncio.run(guard.verify(raw))


@pytest.fixture
def loopback(key: SigningKey) -> Iterator[LoopbackKeyServer]:
    """A key server on a real socket, fetched with the guard's own HTTP client."""
    server = LoopbackKeyServer()
    server.publish(key)
    with server.running():
        yield server


@pytest.fixture
def local_tenant(key: SigningKey, loopback: LoopbackKeyServer) -> Tenant:
    return Tenant(key, issuer=loopback.issuer)


@pytest.fixture
def local_guard(
    loopback: LoopbackKeyServer, local_tenant: Tenant, monotonic: FrozenClock
) -> KindeGuard:
    return KindeGuard(
        loopback.issuer,
        audience=local_tenant.audience,
        clock=local_tenant.clock,
        monotonic=monotonic,
    )


def test_guard_made_outside_of_a_loop_works_in_one(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    assert verify(make_guard(), tenant.token("a")).scopes == {"a"}
    assert key_server.fetches == 1


def refresh_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "kinde-guard refresh"]


def refreshed() -> None:
    """Wait for the threads of refreshes to end."""
    for thread in refresh_threads():
        thread.join(10)


def test_ready_outside_of_a_loop_starts_the_refresh_that_makes_it_true(
    make_guard: MakeGuard, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    guard = make_guard()
    guard.ready  # noqa: B018 - asking is what starts it
    refreshed()
    assert (guard.ready, key_server.fetches) == (True, 1)
    monotonic.advance(700)
    assert guard.ready is True
    refreshed()
    assert (guard.stats.key_age, key_server.fetches) == (0, 2)


def test_ready_outside_of_a_loop_keeps_the_pauses_of_an_outage(
    make_guard: MakeGuard, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    guard = make_guard()
    key_server.fail(500)
    for _ in range(20):
        assert guard.ready is False
        refreshed()
    assert key_server.fetches == 1
    key_server.recover()
    monotonic.advance(1)
    guard.ready  # noqa: B018
    refreshed()
    assert guard.ready is True


def test_threads_that_ask_at_once_start_one_refresh(make_guard: MakeGuard) -> None:
    answering = threading.Event()
    fetches: list[httpx.Request] = []

    async def slow(request: httpx.Request) -> httpx.Response:
        fetches.append(request)
        await asyncio.to_thread(answering.wait, 10)
        return httpx.Response(500)

    guard = make_guard(http_client=httpx.AsyncClient(transport=httpx.MockTransport(slow)))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: guard.ready, range(200))) == [False] * 200
    assert len(refresh_threads()) == 1
    answering.set()
    refreshed()
    assert len(fetches) == 1


def test_ready_is_false_and_raises_nothing_where_no_thread_can_start(
    make_guard: MakeGuard, key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    guard = make_guard()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", start)
        assert guard.ready is False
    assert key_server.fetches == 0
    guard.ready  # noqa: B018
    refreshed()
    assert guard.ready is True


def test_refresh_without_file_descriptors_is_a_failed_fetch(
    make_guard: MakeGuard, key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def new_event_loop() -> asyncio.AbstractEventLoop:
        raise OSError(errno.EMFILE, "Too many open files")

    guard = make_guard()
    with monkeypatch.context() as full:
        full.setattr(asyncio.events, "new_event_loop", new_event_loop)
        for _ in range(20):
            assert guard.ready is False
            refreshed()
    assert (guard.stats.key_fetch_failures, key_server.fetches) == (1, 0)


@pytest.mark.anyio
async def test_ready_in_a_sync_endpoint_refreshes_in_the_application_s_loop(
    make_guard: MakeGuard, key_server: KeyServer
) -> None:
    guard = make_guard(public_paths=["/ready"])
    app = FastAPI()
    guard.install(app)

    @app.get("/ready")
    def ready() -> bool:
        return guard.ready

    # The lifespan does not run here, so nothing has fetched the keys before.
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        await client.get("/ready")
        assert refresh_threads() == []
        await eventually(lambda: guard.ready)
        assert (await client.get("/ready")).json() is True
    assert key_server.fetches == 1


def test_second_loop_uses_the_keys_and_the_tokens_of_the_first(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    guard = make_guard()
    raw = tenant.token("a")
    verify(guard, raw)
    verify(guard, raw)
    verify(guard, tenant.token("b"))
    assert key_server.fetches == 1
    assert guard.stats.cache_hits == 1


def test_second_loop_can_fetch_again_over_real_sockets(
    local_guard: KindeGuard,
    local_tenant: Tenant,
    loopback: LoopbackKeyServer,
    monotonic: FrozenClock,
    other_key: SigningKey,
) -> None:
    verify(local_guard, local_tenant.token("a"))
    assert loopback.fetches == 1
    loopback.publish(other_key)
    monotonic.advance(100)
    fresh = local_tenant.token("b", key=other_key)
    assert verify(local_guard, fresh).scopes == {"b"}
    assert loopback.fetches == 2
    monotonic.advance(100_000)
    assert verify(local_guard, fresh).scopes == {"b"}
    assert loopback.fetches == 3


def test_loop_that_died_in_the_middle_of_a_fetch_leaves_the_guard_usable(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    guard = make_guard()

    async def abandon() -> None:
        key_server.hold()
        waiting = asyncio.ensure_future(guard.verify(tenant.token("a")))
        await asyncio.sleep(0.01)
        assert not waiting.done()

    asyncio.run(abandon())
    key_server.release()
    monotonic.advance(60)
    assert verify(guard, tenant.token("a")).scopes == {"a"}


def test_loops_in_many_threads_at_once_all_verify(
    local_guard: KindeGuard, local_tenant: Tenant, loopback: LoopbackKeyServer
) -> None:
    raw = [local_tenant.token("a", n=n % 5) for n in range(40)]
    barrier = threading.Barrier(8)

    def work(offset: int) -> list[frozenset[str]]:
        barrier.wait(5)
        return [verify(local_guard, token).scopes for token in raw[offset::8]]

    with ThreadPoolExecutor(8) as pool:
        scopes = [held for part in pool.map(work, range(8)) for held in part]

    assert scopes == [frozenset({"a"})] * 40
    assert local_guard.stats.verified == 40
    # One fetch under way in each loop at most, none once keys are in hand.
    assert 1 <= loopback.fetches <= 8


def test_threads_that_hammer_a_warm_guard_lose_no_count_and_fetch_nothing(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    guard = make_guard(token_cache_size=8)
    tokens = [tenant.token("a", n=n) for n in range(16)]
    verify(guard, tokens[0])

    def work(offset: int) -> int:
        async def loop() -> int:
            good = 0
            for n in range(200):
                token = await guard.verify(tokens[(offset + n) % len(tokens)])
                good += token.scopes == {"a"}
            return good

        return asyncio.run(loop())

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 800
    assert key_server.fetches == 1
    assert guard.stats.verified == 801


def test_rotation_seen_by_one_thread_is_seen_by_all(
    make_guard: MakeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
    other_key: SigningKey,
) -> None:
    guard = make_guard()
    seen = tenant.token("a")
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        first.submit(verify, guard, seen).result()
        second.submit(verify, guard, seen).result()
        key_server.publish(other_key)
        monotonic.advance(100)
        fresh = tenant.token("b", key=other_key)
        assert first.submit(verify, guard, fresh).result().scopes == {"b"}
        with pytest.raises(UnknownKey):
            second.submit(verify, guard, seen).result()
    assert key_server.fetches == 2


def test_outage_seen_by_one_loop_is_not_asked_about_again_by_another(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    guard = make_guard()
    key_server.fail(500)
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            verify(guard, tenant.token())
    assert key_server.fetches == 1


def in_child(work: Callable[[], bool]) -> bool:
    """Run in a forked process, as a pre-forking server does, and tell how it went."""
    child = os.fork()
    if child == 0:
        good = False
        try:
            good = work()
        finally:
            os._exit(0 if good else 1)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("warm", [True, False])
def test_forked_workers_verify_with_a_guard_made_before_the_fork(
    warm: bool, make_guard: MakeGuard, tenant: Tenant
) -> None:
    guard = make_guard()
    raw = tenant.token("a")
    if warm:
        verify(guard, raw)

    def work() -> bool:
        return verify(guard, raw).scopes == {"a"} and guard.ready

    assert in_child(work)
    assert in_child(work)
    assert verify(guard, raw).scopes == {"a"}


def test_own_client_makes_no_warning_about_anything_left_open(
    local_guard: KindeGuard, local_tenant: Tenant
) -> None:
    async def serve() -> None:
        async with local_guard:
            await local_guard.verify(local_tenant.token())

    asyncio.run(serve())
    verify(local_guard, local_tenant.token("a"))
    # A socket left open would warn here, and a warning is an error in this suite.
    gc.collect()
