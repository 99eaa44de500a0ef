"""One piece of work in each event loop for all who wait there; what ended is not kept."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from kinde_guard.keys.single_flight import Flights


async def answer() -> int:
    return 42


def test_event_loops_that_have_ended_are_not_kept() -> None:
    flights = Flights(answer, "test")
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def join() -> int | None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        return await flights.join().result()

    for _ in range(5):
        assert asyncio.run(join()) == 42
    gc.collect()
    assert len([loop for loop in loops if loop() is not None]) <= 1


@pytest.mark.anyio
async def test_work_that_is_being_cancelled_is_joined_by_nobody() -> None:
    ending = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await ending.wait()

    flights = Flights(stubborn, "test")
    first = flights.join()
    await asyncio.sleep(0)
    cancelling = asyncio.ensure_future(flights.cancel())
    await asyncio.sleep(0)
    second = flights.join()
    assert not first.done
    assert second is not first

    ending.set()
    await cancelling
    assert first.done
    assert flights.join() is second
    await asyncio.sleep(0)
    await flights.cancel()
    assert second.done
