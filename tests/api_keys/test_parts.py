"""The parts of the verifier by themselves: bounded maps, the backoff, the own token."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from typing import Any

import httpx
import pytest

from kinde_guard.api_keys.backoff import Backoff
from kinde_guard.api_keys.cache import BoundedMap
from kinde_guard.api_keys.own_token import OwnToken
from kinde_guard.api_keys.single_flight import SingleFlight
from kinde_guard.api_keys.throttle import UnknownKeyThrottle
from kinde_guard.api_keys.verifier import MAX_GOOD, MAX_REFUSED
from kinde_guard.vocabulary.errors import InvalidApiKey
from tests.api_keys.kinde_api import KindeApi, good
from tests.mint import FrozenClock

pytestmark = pytest.mark.anyio


def test_least_recently_used_entry_leaves_first() -> None:
    kept = BoundedMap[int](2)
    kept.put(b"a", 1)
    kept.put(b"b", 2)
    kept.get(b"a")
    kept.put(b"c", 3)
    assert [kept.get(name) for name in (b"a", b"b", b"c")] == [1, None, 3]
    kept.drop(b"a")
    kept.drop(b"a")
    assert kept.get(b"a") is None


def test_entry_that_another_thread_drops_meanwhile_is_still_returned() -> None:
    class Racing(OrderedDict[bytes, int]):
        def move_to_end(self, key: bytes, last: bool = True) -> None:
            raise KeyError(key)

    kept = BoundedMap[int](1)
    kept._entries = Racing({b"a": 1})
    assert kept.get(b"a") == 1


async def test_flood_of_keys_leaves_the_memory_bounded(
    kinde: KindeApi, monotonic: FrozenClock
) -> None:
    bound = kinde.bind(unknown_per_minute=10**6)
    kinde.verify = lambda _: httpx.Response(200, json=good())
    for number in range(MAX_GOOD + 10):
        bound._remember(b"%d" % number, await bound._lookup.verify(b"key"), 0.0)
    for number in range(MAX_REFUSED + 10):
        bound._remember(b"refused-%d" % number, None, 0.0)
    assert len(bound._good._entries) == MAX_GOOD
    assert len(bound._refused_until._entries) == MAX_REFUSED


def test_late_failure_of_an_earlier_look_up_does_not_shorten_the_pause(
    monotonic: FrozenClock,
) -> None:
    backoff = Backoff(5, monotonic)
    begun = backoff.begin()
    backoff.failed(begun, 100)
    backoff.failed(begun, None)
    assert backoff.retry_after == 100
    backoff.answered()
    assert backoff.retry_after is None


def test_try_that_never_ends_holds_the_others_for_its_timeout(monotonic: FrozenClock) -> None:
    backoff = Backoff(5, monotonic)
    backoff.failed(backoff.begin(), None)
    monotonic.advance(1)
    assert backoff.retry_after is None
    backoff.begin()
    assert backoff.retry_after == 5
    monotonic.advance(5)
    assert backoff.retry_after is None


def test_reservation_that_was_left_behind_counts_for_a_minute(monotonic: FrozenClock) -> None:
    throttle = UnknownKeyThrottle(1, monotonic)
    left_behind = throttle.reserve()
    left_behind.__enter__()
    assert throttle.retry_after == 1
    monotonic.advance(60)
    assert throttle.retry_after is None


async def test_token_that_was_replaced_meanwhile_is_not_dropped(
    kinde: KindeApi, monotonic: FrozenClock
) -> None:
    credentials = kinde.credentials()
    token = OwnToken(credentials, monotonic)
    refused = await token.current()
    credentials.forget()
    following = await token.current()
    assert await token.replace(refused)
    assert await token.current() is following


def test_task_of_an_event_loop_that_has_ended_is_forgotten() -> None:
    flights: SingleFlight[int] = SingleFlight("test")

    async def endless() -> int:
        await asyncio.sleep(60)
        return 1

    async def leave_behind() -> None:
        # Cancelled by the end of the event loop before its first step.
        flights.start(b"a", endless)

    async def start_another() -> int | None:
        async def work() -> int:
            return 2

        return await flights.start(b"b", work).result()

    asyncio.run(leave_behind())
    assert asyncio.run(start_another()) == 2
    assert len(flights._under_way) == 1


def test_verifier_serves_threads_with_event_loops_of_their_own(kinde: KindeApi) -> None:
    bound = kinde.bind(unknown_per_minute=1000)
    kinde.keys = {f"key-{number}": good() for number in range(5)}
    outcomes: list[Any] = []

    async def verify_all() -> None:
        for number in range(10):
            try:
                outcomes.append((await bound.verify(b"key-%d" % number)).scopes)
            except InvalidApiKey:
                outcomes.append(None)

    threads = [threading.Thread(target=asyncio.run, args=(verify_all(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(frozenset({"read:users"})) == 40
    assert outcomes.count(None) == 40


async def test_task_of_another_event_loop_that_runs_on_is_kept() -> None:
    flights: SingleFlight[int] = SingleFlight("test")
    gate = asyncio.Event()

    async def held() -> int:
        await gate.wait()
        return 1

    async def work() -> int:
        return 2

    async def elsewhere() -> int | None:
        return await flights.start(b"a", work).result()

    here = flights.start(b"a", held)
    assert await asyncio.to_thread(asyncio.run, elsewhere()) == 2
    assert flights.get(b"a") is here
    gate.set()
    assert await here.result() == 1
