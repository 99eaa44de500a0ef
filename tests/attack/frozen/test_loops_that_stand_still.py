"""No good request is refused because a fetch stood still, and no withdrawn key serves for long.

Withdrawn keys are refused within ``jwks_max_age`` plus one request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from kinde_guard import KeysUnavailable
from tests.attack.frozen.hosts import MAX_AGE, TIMEOUT, HangingServer, fresh_loop, key_set, verdict
from tests.core.exchange import settle
from tests.mint import KID, OTHER_KID, Answerer, FrozenClock, SigningKey

#: Seconds for which the host takes the processor away.
PAUSES = pytest.mark.parametrize("pause", [TIMEOUT + 1, 3_600, 7 * 86_400])


@pytest.fixture
def server(key: SigningKey) -> HangingServer:
    return HangingServer(key)


def answering(act: Callable[[], object], then: Exception | httpx.Response) -> Answerer:
    """Return an answer before which something happens."""

    async def answer(_: httpx.Request) -> httpx.Response:
        act()
        if isinstance(then, Exception):
            raise then
        return then

    return answer


# --- one event loop, which stands still ----------------------------------------------------------


@PAUSES
@pytest.mark.anyio
async def test_request_does_not_wait_for_a_fetch_that_stood_still(
    server: HangingServer, monotonic: FrozenClock, pause: float
) -> None:
    keys = key_set(server, monotonic)
    server.unanswered = 1
    frozen = asyncio.ensure_future(verdict(keys, KID))
    await settle()
    monotonic.advance(pause)
    assert await verdict(keys, KID) == "let in"
    assert await frozen == "let in"
    assert (server.fetches, keys.last_error) == (2, None)


@PAUSES
@pytest.mark.parametrize(
    "failure",
    [httpx.ReadTimeout("slow"), httpx.ReadError("reset"), TimeoutError(), httpx.Response(500)],
    ids=["time-out", "reset", "own time-out", "status"],
)
@pytest.mark.anyio
async def test_failure_of_a_fetch_that_stood_still_is_no_outage(
    server: HangingServer,
    monotonic: FrozenClock,
    pause: float,
    failure: Exception | httpx.Response,
) -> None:
    told: list[bool] = []
    keys = key_set(server, monotonic, on_fetch=told.append)

    def freeze() -> None:
        monotonic.advance(pause)
        server.recover()

    server.fail(answering(freeze, failure))
    assert await verdict(keys, KID) == "let in"
    assert (server.fetches, told) == (2, [True])


@pytest.mark.anyio
async def test_failure_without_a_pause_is_an_outage_and_asked_about_once(
    server: HangingServer, monotonic: FrozenClock
) -> None:
    keys = key_set(server, monotonic)
    server.fail(httpx.ReadTimeout("slow"))
    assert await verdict(keys, KID) == "keys_unavailable"
    assert await verdict(keys, KID) == "keys_unavailable"
    assert (server.fetches, keys.last_error) == (1, "timed out")


@pytest.mark.anyio
async def test_fetches_that_always_stand_still_end_in_an_outage(
    server: HangingServer, monotonic: FrozenClock
) -> None:
    keys = key_set(server, monotonic)
    server.fail(answering(lambda: monotonic.advance(60), httpx.ReadTimeout("slow")))
    assert await verdict(keys, KID) == "keys_unavailable"
    assert (server.fetches, keys.last_error) == (3, "timed out")
    assert await verdict(keys, KID) == "keys_unavailable"
    assert server.fetches == 3


@PAUSES
@pytest.mark.anyio
async def test_withdrawn_key_is_refused_by_the_second_request_past_its_age(
    server: HangingServer, monotonic: FrozenClock, other_key: SigningKey, pause: float
) -> None:
    keys = key_set(server, monotonic)
    assert await verdict(keys, KID) == "let in"
    server.publish(other_key)
    server.unanswered = 1
    monotonic.advance(MAX_AGE + 1)
    assert await verdict(keys, KID) == "let in"
    await settle()
    monotonic.advance(pause)
    assert await verdict(keys, KID) == "unknown_key"
    assert await verdict(keys, OTHER_KID) == "let in"
    assert server.fetches == 3


@pytest.mark.anyio
async def test_refresh_that_is_still_in_its_time_is_not_waited_for(
    server: HangingServer, monotonic: FrozenClock
) -> None:
    keys = key_set(server, monotonic)
    await keys.refresh()
    server.unanswered = 1
    monotonic.advance(MAX_AGE + 1)
    for _ in range(4):
        assert await verdict(keys, KID) == "let in"
        await settle()
        monotonic.advance(TIMEOUT / 4)
    assert server.fetches == 2


@pytest.mark.anyio
async def test_keys_in_hand_serve_on_where_the_fetch_in_the_foreground_fails(
    server: HangingServer, monotonic: FrozenClock
) -> None:
    keys = key_set(server, monotonic)
    await keys.refresh()
    server.unanswered = 1
    monotonic.advance(MAX_AGE + 1)
    assert await verdict(keys, KID) == "let in"
    await settle()
    server.fail(500)
    monotonic.advance(TIMEOUT + 1)
    assert await verdict(keys, KID) == "let in"
    assert await verdict(keys, OTHER_KID) == "keys_unavailable"
    assert len(await keys.current()) == 1
    assert server.fetches == 3


@pytest.mark.anyio
async def test_current_keys_are_fetched_where_a_refresh_stood_still(
    server: HangingServer, monotonic: FrozenClock, other_key: SigningKey
) -> None:
    keys = key_set(server, monotonic)
    await keys.refresh()
    server.publish(other_key)
    server.unanswered = 1
    monotonic.advance(MAX_AGE + 1)
    await keys.current()
    await settle()
    monotonic.advance(TIMEOUT + 1)
    assert [key.kid for key in await keys.current()] == [OTHER_KID]


@pytest.mark.anyio
async def test_answer_that_waited_out_a_pause_is_as_old_as_its_fetch(
    server: HangingServer, monotonic: FrozenClock, key: SigningKey, other_key: SigningKey
) -> None:
    keys = key_set(server, monotonic)
    old = httpx.Response(200, json={"keys": [key.jwk()]})

    def freeze() -> None:
        monotonic.advance(7_200)
        server.publish(other_key)
        server.recover()

    server.fail(answering(freeze, old))
    assert await verdict(keys, KID) == "unknown_key"
    assert (server.fetches, keys.age) == (2, 0)


# --- an event loop for each request --------------------------------------------------------------


def test_withdrawn_key_is_refused_by_the_second_request_with_a_loop_for_each(
    server: HangingServer, monotonic: FrozenClock, other_key: SigningKey
) -> None:
    keys = key_set(server, monotonic)

    def request(kid: str) -> str:
        return fresh_loop(lambda: verdict(keys, kid))

    assert request(KID) == "let in"
    server.publish(other_key)
    for _ in range(5):
        monotonic.advance(MAX_AGE / 6)
        assert request(KID) == "let in"
    monotonic.advance(MAX_AGE)
    assert request(KID) == "let in"
    assert request(KID) == "unknown_key"
    assert request(OTHER_KID) == "let in"


def test_loops_that_are_left_behind_without_an_end_keep_no_withdrawn_key(
    server: HangingServer, monotonic: FrozenClock, other_key: SigningKey
) -> None:
    keys = key_set(server, monotonic)
    loops: list[asyncio.AbstractEventLoop] = []

    def request(kid: str) -> str:
        loops.append(asyncio.new_event_loop())
        return loops[-1].run_until_complete(verdict(keys, kid))

    try:
        assert request(KID) == "let in"
        server.publish(other_key)
        server.unanswered = 1
        monotonic.advance(MAX_AGE + 1)
        assert request(KID) == "let in"
        monotonic.advance(TIMEOUT + 1)
        assert request(KID) == "unknown_key"
    finally:
        for loop in loops:
            _end(loop)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    async def cancel() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    loop.run_until_complete(cancel())
    loop.close()


def test_outage_is_asked_about_once_a_pause_with_a_loop_for_each_request(
    server: HangingServer, monotonic: FrozenClock
) -> None:
    keys = key_set(server, monotonic)
    fresh_loop(lambda: verdict(keys, KID))
    server.fail(500)
    monotonic.advance(MAX_AGE + 1)
    answers = [fresh_loop(lambda: verdict(keys, KID)) for _ in range(20)]
    assert answers == ["let in"] * 20
    assert server.fetches <= 3


# --- clocks that jump ----------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-1, -3_600, -(10**9)])
@pytest.mark.anyio
async def test_clock_that_is_set_back_refreshes_the_keys_and_refuses_nothing(
    server: HangingServer, monotonic: FrozenClock, other_key: SigningKey, jump: float
) -> None:
    keys = key_set(server, monotonic)
    await keys.refresh()
    server.publish(other_key)
    monotonic.advance(jump)
    assert await verdict(keys, KID) == "let in"
    await settle()
    assert await verdict(keys, KID) == "unknown_key"
    assert (server.fetches, keys.age) == (2, 0)


@pytest.mark.parametrize("jump", [-1, -3_600, -(10**9)])
@pytest.mark.anyio
async def test_clock_that_is_set_back_in_an_outage_ends_neither_keys_nor_their_limit(
    server: HangingServer, monotonic: FrozenClock, jump: float
) -> None:
    keys = key_set(server, monotonic, stale_for=1_000)
    await keys.refresh()
    server.fail(500)
    monotonic.advance(jump)
    assert await verdict(keys, KID) == "let in"
    await settle()
    monotonic.advance(1_001)
    assert await verdict(keys, KID) == "keys_unavailable"


@pytest.mark.anyio
async def test_clock_that_is_set_back_ends_the_pause_of_an_outage(
    server: HangingServer, monotonic: FrozenClock
) -> None:
    keys = key_set(server, monotonic)
    server.fail(500)
    with pytest.raises(KeysUnavailable):
        await keys.refresh()
    server.recover()
    monotonic.advance(-3_600)
    assert await verdict(keys, KID) == "let in"
