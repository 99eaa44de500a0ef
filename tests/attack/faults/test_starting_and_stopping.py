"""Faults at the ends of an application's life, and one that comes back with every second fetch."""

from __future__ import annotations

import asyncio
import time

import pytest

from kinde_guard import KeysUnavailable
from tests.attack.faults.faults import FAULTS
from tests.attack.faults.matrix import LONG, MAX_AGE, SHORT, stage, surroundings
from tests.core.exchange import call, check_refusal, eventually, lifespan

pytestmark = pytest.mark.anyio

HANGING = [name for name, fault in FAULTS.items() if fault.hangs]

#: Seconds by which a busy machine may be late.
LATE = 2.0


@pytest.mark.parametrize("name", FAULTS)
async def test_app_starts_during_the_fault_and_is_well_after_it(name: str) -> None:
    fault = FAULTS[name]
    with surroundings() as (names, certificates):
        async with stage(fault, names, certificates) as scene:
            scene.strike()
            start = time.perf_counter()
            async with lifespan(scene.app) as told:
                assert told.started
                assert time.perf_counter() - start < (SHORT + LATE if fault.hangs else LONG / 2)
                refused = await call(scene.app, "/users", token=scene.good[0])
                check_refusal(refused, KeysUnavailable, retry_after=1)
                assert scene.guard.stats.key_fetches == 1
                assert not scene.guard.ready

                scene.site.mend()
                scene.monotonic.advance(1)
                served = await call(scene.app, "/users", token=scene.good[0])
                assert (served.status, served.json) == (200, {"route": "users"})
                assert (scene.guard.stats.key_fetches, scene.guard.ready) == (2, True)
            assert told.stopped


@pytest.mark.parametrize("name", HANGING)
async def test_app_stops_at_once_while_a_fetch_hangs_and_leaves_nothing(name: str) -> None:
    before = asyncio.all_tasks()
    with surroundings() as (names, certificates):
        async with stage(FAULTS[name], names, certificates, timeout=60) as scene:
            async with lifespan(scene.app) as told:
                scene.strike()
                scene.monotonic.advance(MAX_AGE + 1)
                served = await call(scene.app, "/users", token=scene.good[0])
                assert served.status == 200
                if FAULTS[name].arrives:
                    await eventually(lambda: scene.site.open == 1)
                start = time.perf_counter()
            assert told.stopped
            assert time.perf_counter() - start < LATE
            await eventually(lambda: scene.site.open == 0)
            assert scene.guard.stats.key_fetches == 1
    assert asyncio.all_tasks() == before


async def test_server_that_fails_every_second_time_costs_no_good_request() -> None:
    rounds = 20
    with surroundings() as (names, certificates):
        async with stage(FAULTS["good and bad by turns"], names, certificates) as scene:
            await scene.requests(scene.good, 1, 1)
            scene.strike()
            for number in range(rounds):
                scene.monotonic.advance(MAX_AGE + 1)
                burst = await scene.requests(scene.good, 8, 1)
                assert {answer.status for answer in burst.answers} == {200}
                assert (burst.ahead, burst.fetches) == (True, 1)
                assert burst.failures == (number + 1) % 2
            stats = scene.guard.stats
            assert (stats.key_fetches, stats.key_fetch_failures) == (1 + rounds, rounds // 2)
            assert dict(stats.rejected) == {}
            assert scene.site.connections == 1 + rounds
