"""One guard in event loops that come and go in many threads, and in a fork in mid-fetch."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient

from kinde_guard import KindeGuard, require_scopes
from tests.attack.deployment.commands import until
from tests.mint import LoopbackKeyServer, Tenant


@pytest.fixture
def resident_guard(keys: LoopbackKeyServer, resident: Tenant) -> KindeGuard:
    return KindeGuard(keys.issuer, audience=resident.audience, clock=resident.clock)


def test_test_clients_in_many_threads_share_one_application(
    resident_guard: KindeGuard, resident: Tenant, keys: LoopbackKeyServer, nightly: bool
) -> None:
    app = FastAPI()
    resident_guard.install(app)
    rounds, threads = (100 if nightly else 4), 8

    @app.get("/who", dependencies=[Depends(require_scopes("read:users"))])
    def who(request: Request) -> str:
        return str(request.user.claims["name"])

    def client_of_a_thread(name: int) -> Counter[tuple[int, Any]]:
        seen: Counter[tuple[int, Any]] = Counter()
        mine = {"Authorization": f"Bearer {resident.token('read:users', name=str(name))}"}
        lacking = {"Authorization": f"Bearer {resident.token('other', name=str(name))}"}
        # Each enters and leaves the lifespan of the application, in an event loop of its own.
        for _ in range(2):
            with TestClient(app) as client:
                for _ in range(rounds):
                    answer = client.get("/who", headers=mine)
                    seen[answer.status_code, answer.json()] += 1
                    seen[client.get("/who", headers=lacking).status_code, None] += 1
                    seen[client.get("/who").status_code, None] += 1
        return seen

    with ThreadPoolExecutor(threads) as pool:
        for name, seen in enumerate(pool.map(client_of_a_thread, range(threads))):
            each = 2 * rounds
            assert seen == {(200, str(name)): each, (403, None): each, (401, None): each}
    # At most one fetch in each event loop that was there before the first keys came.
    assert 1 <= keys.fetches <= threads
    assert resident_guard.stats.key_fetch_failures == 0


def test_event_loop_that_closes_the_guard_does_not_end_the_fetch_of_another(
    resident: Tenant,
) -> None:
    held, fetching = threading.Event(), threading.Event()

    async def answer(_: httpx.Request) -> httpx.Response:
        fetching.set()
        await asyncio.to_thread(held.wait, 10)
        return httpx.Response(200, json={"keys": [resident.key.jwk()]})

    guard = KindeGuard(
        resident.issuer,
        audience=resident.audience,
        clock=resident.clock,
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(answer)),
    )

    def verify() -> frozenset[str]:
        return asyncio.run(guard.verify(resident.token("a"))).scopes

    with ThreadPoolExecutor(1) as pool:
        verdict = pool.submit(verify)
        assert fetching.wait(10)
        asyncio.run(guard.aclose())
        held.set()
        assert verdict.result(10) == {"a"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_in_the_middle_of_a_fetch_leaves_both_processes_usable(resident: Tenant) -> None:
    held, fetching = threading.Event(), threading.Event()
    parent = os.getpid()

    async def answer(_: httpx.Request) -> httpx.Response:
        if os.getpid() == parent:
            fetching.set()
            await asyncio.to_thread(held.wait, 20)
        return httpx.Response(200, json={"keys": [resident.key.jwk()]})

    guard = KindeGuard(
        resident.issuer,
        audience=resident.audience,
        clock=resident.clock,
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(answer)),
    )

    def verify() -> bool:
        return asyncio.run(guard.verify(resident.token("a"))).scopes == {"a"}

    with ThreadPoolExecutor(1) as pool:
        verdict = pool.submit(verify)
        assert fetching.wait(10)
        assert child_exits_well(verify)
        held.set()
        assert verdict.result(10)


def child_exits_well(work: Callable[[], bool]) -> bool:
    """Fork, work, and leave without a trace of pytest."""
    child = os.fork()
    if child == 0:
        good = False
        try:
            good = work()
        finally:
            os._exit(0 if good else 1)
    ended: list[int] = []

    def has_ended() -> bool:
        pid, status = os.waitpid(child, os.WNOHANG)
        ended.extend([status] if pid else [])
        return bool(ended)

    until(has_ended)
    return os.waitstatus_to_exitcode(ended[0]) == 0
