"""One fetch in each event loop, shared by all who wait there; what has ended is not kept."""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from kinde_guard.keys.single_flight import SingleFlight
from kinde_guard.vocabulary.attempt import Attempt
from tests.mint import FrozenClock

T = TypeVar("T")


def flights_of(
    work: Callable[[Attempt], Coroutine[Any, Any, T]],
    monotonic: Callable[[], float] = time.monotonic,
) -> SingleFlight[T]:
    numbers = itertools.count()
    return SingleFlight(work, lambda: Attempt(next(numbers), 5, monotonic), "test")


async def answer(_: Attempt) -> int:
    return 42


def test_event_loops_that_have_ended_are_not_kept() -> None:
    flights = flights_of(answer)
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def join() -> int | None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        return await flights.join().task.result()

    for _ in range(5):
        assert asyncio.run(join()) == 42
    gc.collect()
    assert len([loop for loop in loops if loop() is not None]) <= 1


@pytest.mark.anyio
async def test_fetch_that_is_being_cancelled_is_not_joined() -> None:
    ending = asyncio.Event()

    async def stubborn(_: Attempt) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await ending.wait()

    flights = flights_of(stubborn)
    first = flights.join().task
    await asyncio.sleep(0)
    cancelling = asyncio.ensure_future(flights.cancel())
    await asyncio.sleep(0)
    second = flights.join().task
    assert not first.done
    assert second is not first

    ending.set()
    await cancelling
    assert first.done
    assert flights.join().task is second
    await asyncio.sleep(0)
    await flights.cancel()
    assert second.done


@pytest.mark.anyio
async def test_fetch_older_than_its_timeout_is_replaced_and_without_a_result(
    monotonic: FrozenClock,
) -> None:
    async def hang(_: Attempt) -> int:
        await asyncio.Event().wait()
        return 42

    flights = flights_of(hang, monotonic)
    first = flights.join()
    monotonic.advance(4.9)
    assert flights.join() is first
    monotonic.advance(0.2)
    second = flights.join()
    assert second.attempt.number > first.attempt.number
    assert await first.task.result() is None
    assert first.attempt.stood_still
    assert not second.attempt.stood_still
    await flights.cancel()


@pytest.mark.anyio
async def test_fetch_in_a_running_loop_is_given_moments_to_end_by_its_timeout(
    monotonic: FrozenClock,
) -> None:
    attempt = Attempt(0, 5, monotonic)
    for _ in range(20):
        monotonic.advance(0.25)
        attempt.look()
    monotonic.advance(0.2)
    assert not attempt.is_overdue
    monotonic.advance(1.0)
    assert attempt.is_overdue


@pytest.mark.anyio
async def test_clock_of_a_fetch_ends_with_it() -> None:
    before = asyncio.all_tasks()
    assert await flights_of(answer).join().task.result() == 42
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
