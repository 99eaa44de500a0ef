"""The guard under trio: the same answers, fetches and patience as under asyncio."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any, TypeVar

import anyio
import httpx
import pytest
import trio
import trio.testing
from starlette.types import Message

from kinde_guard import KeysUnavailable, KindeGuard
from kinde_guard.vocabulary.event_loop import running_loop
from tests.core.conftest import MakeApp, MakeGuard, MakeKeys
from tests.mint import KID, OTHER_KID, FrozenClock, KeyServer, LoopbackKeyServer, SigningKey, Tenant

pytestmark = pytest.mark.anyio

T = TypeVar("T")


@pytest.fixture
def anyio_backend() -> str:
    return "trio"


class Held:
    """Fetches that begin, but do not end until they are released."""

    def __init__(self, key_server: KeyServer) -> None:
        self._gate = trio.Event()
        key_server.fail(self._answer)
        self._server = key_server

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        await self._gate.wait()
        return httpx.Response(200, json=self._server.documents[str(request.url)])

    def release(self) -> None:
        self._server.recover()
        self._gate.set()


async def settle() -> None:
    await trio.testing.wait_all_tasks_blocked()


def key_fetches() -> int:
    return [task.name for task in anyio.get_running_tasks()].count("kinde-guard key fetch")


async def outcome(call: Awaitable[T]) -> T | str:
    try:
        return await call
    except KeysUnavailable as error:
        return error.reason


class Waiters:
    """Tasks that wait for something, and what became of each that was not cancelled."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.outcomes: list[Any] = []
        self._nursery = nursery

    def add(self, call: Callable[[], Awaitable[Any]]) -> trio.CancelScope:
        scope = trio.CancelScope()

        async def wait() -> None:
            with scope:
                self.outcomes.append(await outcome(call()))

        self._nursery.start_soon(wait)
        return scope


# --- keys ----------------------------------------------------------------------------------------


async def test_token_is_verified_and_the_keys_are_fetched_once(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    guard = make_guard()
    for name in ("a", "b"):
        assert (await guard.verify(tenant.token(name))).scopes == {name}
    assert key_server.fetches == 1


async def test_all_who_wait_share_one_fetch_and_one_who_leaves_does_not_end_it(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    guard, held = make_guard(), Held(key_server)
    async with trio.open_nursery() as nursery:
        waiters = Waiters(nursery)
        for n in range(50):
            waiters.add(partial(guard.verify, tenant.token("a", n=n)))
        leaving = waiters.add(partial(guard.verify, tenant.token("b")))
        await settle()
        leaving.cancel()
        await settle()
        assert key_fetches() == 1
        held.release()
    assert [token.scopes for token in waiters.outcomes] == [{"a"}] * 50
    assert key_server.fetches == 1


async def test_fetch_whose_waiters_have_all_left_still_brings_the_keys(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys, held = make_keys(), Held(key_server)
    with trio.move_on_after(0.01):
        await keys.find(KID)
    held.release()
    await settle()
    assert keys.is_usable
    assert key_server.fetches == 1


async def test_keys_past_their_age_are_used_at_once_and_refreshed_behind(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock, other_key: SigningKey
) -> None:
    keys = make_keys()
    await keys.find(KID)
    monotonic.advance(601)
    key_server.publish(other_key)
    held = Held(key_server)
    with trio.fail_after(1):
        assert len(await keys.find(KID)) == 1
    held.release()
    await settle()
    assert len(await keys.find(OTHER_KID)) == 1
    assert key_server.fetches == 2


async def test_timeout_covers_the_whole_fetch(make_keys: MakeKeys, key_server: KeyServer) -> None:
    keys, held = make_keys(timeout=0.02), Held(key_server)
    with trio.fail_after(5), pytest.raises(KeysUnavailable) as caught:
        await keys.refresh()
    assert caught.value.retry_after == 1
    assert key_fetches() == 0
    held.release()


async def test_outage_is_asked_about_once_and_over_without_a_restart(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    key_server.fail(500)
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await keys.find(KID)
    assert key_server.fetches == 1
    key_server.recover()
    monotonic.advance(1)
    assert len(await keys.find(KID)) == 1
    assert key_server.fetches == 2


async def test_aclose_lets_those_who_wait_go_and_leaves_nothing(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys = make_keys()
    Held(key_server)
    async with trio.open_nursery() as nursery:
        waiters = Waiters(nursery)
        for _ in range(3):
            waiters.add(keys.refresh)
        await settle()
        await keys.aclose()
        assert key_fetches() == 0
    assert waiters.outcomes == ["keys_unavailable"] * 3


async def test_listener_that_raises_is_told_to_the_waiters_and_does_not_end_the_process(
    make_keys: MakeKeys,
) -> None:
    def on_fetch(_succeeded: bool) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await make_keys(on_fetch=on_fetch).refresh()


async def test_guard_warms_every_issuer_at_once_and_tells_of_the_one_that_failed(
    make_guard: MakeGuard, key_server: KeyServer, key: SigningKey, monotonic: FrozenClock
) -> None:
    other = "https://account.acme.example"
    guard = make_guard(issuers=[other])
    with pytest.raises(KeysUnavailable):
        await guard.warm()
    assert key_server.fetches == 2
    assert guard.ready is False

    key_server.publish(key, url=f"{other}/.well-known/jwks")
    monotonic.advance(1)
    await guard.warm()
    assert key_server.fetches == 3
    assert guard.ready is True

    monotonic.advance(100_000)
    held = Held(key_server)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(guard.warm)
        await settle()
        assert key_fetches() == 2
        held.release()
    assert key_server.fetches == 5


async def test_async_with_warms_and_closes(make_guard: MakeGuard, key_server: KeyServer) -> None:
    async with make_guard() as guard:
        assert guard.ready
    assert key_server.fetches == 1
    assert key_fetches() == 0


# --- real sockets, and one guard in both event loops ---------------------------------------------


@pytest.fixture
def loopback(key: SigningKey) -> Iterator[LoopbackKeyServer]:
    server = LoopbackKeyServer()
    server.publish(key)
    with server.running():
        yield server


@pytest.fixture
def local_guard(
    loopback: LoopbackKeyServer, clock: FrozenClock, monotonic: FrozenClock, tenant: Tenant
) -> KindeGuard:
    issuer, audience = loopback.issuer, tenant.audience
    return KindeGuard(issuer, audience=audience, clock=clock, monotonic=monotonic)


@pytest.fixture
def local_tenant(key: SigningKey, loopback: LoopbackKeyServer) -> Tenant:
    return Tenant(key, issuer=loopback.issuer)


async def test_client_of_its_own_fetches_over_real_sockets(
    local_guard: KindeGuard, local_tenant: Tenant, loopback: LoopbackKeyServer
) -> None:
    assert (await local_guard.verify(local_tenant.token("a"))).scopes == {"a"}
    assert loopback.fetches == 1


def test_one_guard_fetches_in_trio_and_in_asyncio_by_turns(
    local_guard: KindeGuard,
    local_tenant: Tenant,
    loopback: LoopbackKeyServer,
    monotonic: FrozenClock,
) -> None:
    raw = local_tenant.token("a")
    for turn in range(1, 5):
        token = (
            trio.run(local_guard.verify, raw) if turn % 2 else asyncio.run(local_guard.verify(raw))
        )
        assert token.scopes == {"a"}
        assert loopback.fetches == turn
        monotonic.advance(100_000)


def test_trio_that_ended_in_the_middle_of_a_fetch_leaves_the_guard_usable(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    guard = make_guard()

    async def abandon() -> None:
        Held(key_server)
        with trio.move_on_after(0.01):
            await guard.verify(tenant.token("a"))

    trio.run(abandon)
    key_server.recover()
    assert trio.run(guard.verify, tenant.token("a")).scopes == {"a"}
    assert asyncio.run(guard.verify(tenant.token("b"))).scopes == {"b"}


# --- applications ------------------------------------------------------------------------------


async def test_fail_fast_under_trio_refuses_to_start(
    make_app: MakeApp, key_server: KeyServer
) -> None:
    key_server.fail(500)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    # Raised on, as Starlette does: its TestClient would enter the application otherwise.
    with pytest.raises(KeysUnavailable):
        await make_app(fail_fast=True)({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]


# --- the event loop that runs here ---------------------------------------------------------------


def test_no_event_loop_is_a_runtime_error() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        running_loop()


async def test_thread_of_a_trio_application_runs_none() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        await trio.to_thread.run_sync(running_loop)


def test_trio_on_top_of_asyncio_is_trio() -> None:
    async def guest() -> object:
        return running_loop().key is trio.lowlevel.current_trio_token()

    async def host() -> object:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        run_soon = asyncio.get_running_loop().call_soon_threadsafe
        trio.lowlevel.start_guest_run(
            guest, run_sync_soon_threadsafe=run_soon, done_callback=done.set_result
        )
        outcome = await done
        assert running_loop().key is asyncio.get_running_loop()
        return outcome.unwrap()

    assert asyncio.run(host()) is True


async def test_time_limit_that_is_ended_from_outside_raises_timeout_error() -> None:
    async def ended() -> None:
        async with running_loop().time_limit(None) as end_now:
            end_now()
            await trio.sleep_forever()

    with pytest.raises(TimeoutError):
        await ended()


async def test_time_limit_that_is_not_reached_does_nothing() -> None:
    async with running_loop().time_limit(60):
        await running_loop().sleep(0)


async def test_run_carries_the_context_of_whoever_started_it() -> None:
    name = contextvars.ContextVar[str]("name")
    name.set("here")

    async def work() -> str:
        return name.get()

    assert await running_loop().start(work, "work").result() == "here"


@pytest.mark.parametrize("half", [None, ModuleType("trio.lowlevel")])
def test_trio_that_is_half_imported_is_no_event_loop(
    half: ModuleType | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # httpcore imports trio where it is installed, in a thread of a cold guard.
    monkeypatch.setitem(sys.modules, "trio.lowlevel", half)

    async def key() -> object:
        return running_loop().key is asyncio.get_running_loop()

    assert asyncio.run(key())


def test_trio_is_not_imported_by_the_guard() -> None:
    program = (
        "import sys; from kinde_guard import KindeGuard; KindeGuard('a.kinde.com', audience='x');"
        "print('trio' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout == "False\n"
