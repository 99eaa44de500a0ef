"""The simulated fleet: its clock, its tenant, and that its figures are those of the package."""

from __future__ import annotations

import asyncio
import math
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import archive
from tests.benchmarks.fleets import chart, report, simulated_time
from tests.benchmarks.fleets.process import COOLDOWN, MAX_AGE, Process
from tests.benchmarks.fleets.scenarios import (
    POLICIES,
    SCENARIOS,
    History,
    Life,
    Policy,
    Scenario,
    busiest_second,
    by_bin,
    simulate,
    watch,
)
from tests.benchmarks.fleets.tenant import Behaviour, Tenant
from tests.mint import SigningKey

FLEET = archive.ROOT / "tests" / "benchmarks" / "fleet.py"
NO_JITTER, AS_IT_IS, SPREAD = POLICIES


def lives(history: History, policy: Policy = AS_IT_IS, processes: int = 10) -> Life:
    return simulate(history, policy, processes=processes, traffic=10)


def test_simulated_time_jumps_and_keeps_the_order() -> None:
    loop = simulated_time.SimulatedLoop()
    seen: list[tuple[str, float]] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, loop.time()))

    async def main() -> None:
        await asyncio.gather(wait("day", 86_400), wait("second", 1))

    simulated_time.run(main(), loop)
    assert [name for name, _ in seen] == ["second", "day"]
    assert [at for _, at in seen] == pytest.approx([1, 86_400])


def test_simulation_in_which_something_waits_for_ever_ends() -> None:
    loop = simulated_time.SimulatedLoop()

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing is left to happen"):
        simulated_time.run(main(), loop)


def test_same_seed_gives_the_same_fleet() -> None:
    history = History(1_000, Behaviour(down=(500, 700)), starts_within=60)
    first, second = (lives(history) for _ in "ab")
    other = simulate(history, AS_IT_IS, processes=10, traffic=10, seed=2)
    assert first.arrivals == second.arrivals
    assert first.arrivals != other.arrivals


def test_quiet_fleet_refreshes_once_in_max_age() -> None:
    life = lives(History(3 * MAX_AGE))
    for good in life.good:
        assert len(good) == 3
        assert all(later - earlier > MAX_AGE for earlier, later in pairwise(good))
        assert all(later - earlier < MAX_AGE + 5 for earlier, later in pairwise(good))


def test_spread_makes_max_age_longer_and_never_shorter() -> None:
    life = lives(History(1.9 * MAX_AGE), SPREAD)
    pauses = [later - earlier for good in life.good for earlier, later in pairwise(good)]
    assert len(pauses) == 10
    assert all(MAX_AGE < pause < 1.1 * MAX_AGE + 5 for pause in pauses)
    assert max(pauses) - min(pauses) > 0.03 * MAX_AGE


def test_first_retry_comes_after_a_second_and_the_others_later_and_later() -> None:
    arrivals = lives(History(30, Behaviour(down=(0, 60))), NO_JITTER, processes=1).arrivals
    pauses = [later - earlier for earlier, later in pairwise(arrivals)]
    # To each comes the tenant's time to answer and the wait for a request.
    assert [math.floor(pause) for pause in pauses] == [1, 2, 4, 8]


def test_without_jitter_retries_stay_together_and_with_it_they_do_not() -> None:
    history = History(150, Behaviour(down=(0, 200)))
    together, apart = (lives(history, policy, 50) for policy in (NO_JITTER, AS_IT_IS))
    last = (60.0, 150.0)
    assert busiest(together, last) > 3 * busiest(apart, last)


def busiest(life: Life, watched: tuple[float, float]) -> int:
    return watch(Scenario("", "", History(0), watched), life).peak


def test_outage_heals_within_the_longest_pause() -> None:
    down = Behaviour(down=(MAX_AGE, 2 * MAX_AGE))
    history = History(2 * MAX_AGE + 100, down)
    healed = watch(Scenario("", "", history, (0, 1), event=2 * MAX_AGE), lives(history)).healed
    assert healed is not None
    assert 1 < healed < 62


def test_new_key_is_fetched_at_once_or_after_the_cooldown() -> None:
    rotation = 900.0
    history = History(1_000, Behaviour(rotation=rotation), starts_within=MAX_AGE)
    life = lives(history, processes=200)
    delays = [next(at for at in good if at >= rotation) - rotation for good in life.good]
    assert max(delays) < COOLDOWN + 2
    assert sum(delay < 2 for delay in delays) > 150


def test_flood_of_unknown_key_ids_costs_one_fetch_in_a_cooldown() -> None:
    life = lives(History(MAX_AGE, forged=True))
    for good in life.good:
        assert all(later - earlier > COOLDOWN for earlier, later in pairwise(good))
        assert len(good) == 20


async def test_busy_tenant_answers_so_many_in_a_second(anyio_backend: str) -> None:
    keys = (SigningKey.rsa("a"), SigningKey.rsa("b"))
    tenant = Tenant(keys, Behaviour(capacity=2), lambda: 7.5, random.Random(1))
    statuses = []
    for _ in range(3):
        async with tenant.stream("GET", "https://acme.kinde.com") as answer:
            statuses.append(answer.status_code)
    assert statuses == [200, 200, 429]
    assert tenant.arrivals == [7.5] * 3


def test_process_asks_only_when_it_could_cause_a_fetch() -> None:
    clock = [0.0]
    keys = (SigningKey.rsa("a"), SigningKey.rsa("b"))
    tenant = Tenant(keys, Behaviour(rotation=300), lambda: clock[0], random.Random(1))
    process = Process(tenant, lambda: clock[0], random.Random(1), traffic=1)
    assert process._until_fetch() == 0
    asyncio.run(process.keys.refresh())
    assert process._until_fetch() == 300  # when tokens come with the new key
    clock[0] = 300.0
    assert process._until_fetch() == 0
    asyncio.run(process.keys.refresh())
    assert process._until_fetch() == MAX_AGE


def test_busiest_second_slides() -> None:
    assert busiest_second([]) == 0
    assert busiest_second([0.6, 0.9, 1.2, 1.5, 1.7]) == 4
    assert busiest_second([0.0, 1.0, 2.0]) == 1


def test_bins_count_what_lies_in_them() -> None:
    assert by_bin([-0.5, 0.0, 0.9, 1.0, 2.9, 3.0], 0, 3, 1) == [2, 1, 1]


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    found = {
        (history, policy): lives(history, policy, 2)
        for history in {scenario.history for scenario in SCENARIOS}
        for policy in history.policies()
    }
    return report.as_data(found, processes=2, traffic=10)


def test_every_scenario_has_a_row_for_every_policy_that_matters(data: dict[str, Any]) -> None:
    rows = {(row["key"], row["policy"]) for row in data["rows"]}
    failing = {"busy", "later", "outage", "recovery"}
    expected = {(s.key, p.name) for s in SCENARIOS for p in (AS_IT_IS, SPREAD)}
    assert rows == expected | {(key, NO_JITTER.name) for key in failing}


def test_tables_and_chart_can_be_made_again_from_the_figures(
    data: dict[str, Any], tmp_path: Path
) -> None:
    archive.write("fleet", data, tmp_path)
    again = archive.read("fleet", tmp_path)
    assert report.markdown(again) == report.markdown(data)
    assert report.markdown(data).count("\n") == len(data["rows"]) + 1
    first, second = (chart.draw(again, tmp_path / each) for each in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert [path.name for path in first] == ["fleet.png", "fleet.svg"]


def test_command_simulates_and_writes(tmp_path: Path) -> None:
    command = [sys.executable, str(FLEET), "--here", "--quick", "--output", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "20 processes" in ran.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"fleet.json", "fleet.png", "fleet.svg"}
