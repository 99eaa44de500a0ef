"""What happens to a fleet, under which policy, and what the tenant saw of it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from unittest.mock import patch

from tests.benchmarks.fleets import simulated_time
from tests.benchmarks.fleets.process import MAX_AGE, Process
from tests.benchmarks.fleets.tenant import Behaviour, Tenant
from tests.mint import SigningKey

HOUR: Final = 3_600.0
OUTAGE: Final = (HOUR, 2 * HOUR)
ROTATION: Final = 900.0
HALF_AN_HOUR: Final = (HOUR, 1.5 * HOUR)
CAPACITY: Final = 100


@dataclass(frozen=True)
class Policy:
    """How refreshes and retries of a fleet are spread.

    Attributes:
        jitter: whether retries are spread as the package does it.
        spread: by which part of it ``max_age`` is longer, at the most, process by process.
    """

    name: str
    jitter: bool = True
    spread: float = 0.0

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Take the jitter out of the package, unless it is wanted."""
        if self.jitter:
            yield
        else:
            with patch("kinde_guard.keys.backoff.random.uniform", lambda _, high: high):
                yield


POLICIES: Final = (
    Policy("no jitter", jitter=False),
    Policy("as it is"),
    Policy("max_age spread by 10 %", spread=0.1),
)


@dataclass(frozen=True)
class History:
    """What happens to a fleet.

    Attributes:
        seconds: how long it lives.
        behaviour: what happens to the tenant.
        starts_within: the processes start at random within so many seconds.
        forged: requests carry key ids that no key has.
    """

    seconds: float
    behaviour: Behaviour = field(default_factory=Behaviour)
    starts_within: float = 0.0
    forged: bool = False

    def policies(self) -> Iterator[Policy]:
        """Go through the policies that make a difference: jitter spreads only what failed."""
        fails = self.behaviour.down[1] > 0 or self.behaviour.capacity < math.inf
        yield from (policy for policy in POLICIES if policy.jitter or fails)


@dataclass(frozen=True)
class Scenario:
    """A part of a fleet's history, and what to look at.

    Attributes:
        key: what figures and charts call it.
        name: what the table calls it.
        history: all that happens.
        watched: from when to when fetches are counted, in seconds.
        event: what "until all have keys" is counted from.
    """

    key: str
    name: str
    history: History
    watched: tuple[float, float]
    event: float | None = None


_TOGETHER: Final = History(1.5 * HOUR)
_BUSY: Final = History(1.5 * HOUR, Behaviour(capacity=CAPACITY))
_OUTAGE: Final = History(OUTAGE[1] + 300, Behaviour(down=OUTAGE))

SCENARIOS: Final = (
    Scenario("cold", "all start at once: the first minute", _TOGETHER, (0, 60), event=0),
    Scenario(
        "busy",
        f"the same, and the tenant answers {CAPACITY} a second",
        _BUSY,
        (0, 60),
        event=0,
    ),
    Scenario("together", "an hour after a start at once", _TOGETHER, HALF_AN_HOUR),
    Scenario("later", f"the same, and the tenant answers {CAPACITY} a second", _BUSY, HALF_AN_HOUR),
    Scenario(
        "rolling",
        "an hour after a start over ten minutes",
        History(1.5 * HOUR, starts_within=MAX_AGE),
        HALF_AN_HOUR,
    ),
    Scenario("outage", "an outage of an hour, an hour after a start at once", _OUTAGE, OUTAGE),
    Scenario(
        "recovery",
        "the end of that outage: the first minute",
        _OUTAGE,
        (OUTAGE[1], OUTAGE[1] + 60),
        event=OUTAGE[1],
    ),
    Scenario(
        "rotation",
        "a new key signs at once: the first minute",
        History(1_200, Behaviour(rotation=ROTATION), starts_within=MAX_AGE),
        (ROTATION, ROTATION + 60),
        event=ROTATION,
    ),
    Scenario(
        "flood",
        "a flood of unknown key ids: ten minutes",
        History(1_200, starts_within=MAX_AGE, forged=True),
        (600, 1_200),
    ),
)


@dataclass(frozen=True)
class Life:
    """What came of a history: when the tenant was asked, and when each process had new keys."""

    arrivals: Sequence[float]
    good: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Seen:
    """What the tenant saw, and when the fleet was well again.

    Attributes:
        mean: fetches a second in the watched time.
        peak: the most fetches within any second of it.
        healed: seconds from the event until the last process had fetched its keys.
    """

    mean: float
    peak: int
    healed: float | None


def simulate(
    history: History, policy: Policy, *, processes: int, traffic: float, seed: int = 1
) -> Life:
    """Let a fleet live. The same seed gives the same figures."""
    loop = simulated_time.SimulatedLoop()
    chance = random.Random(seed)
    random.seed(seed)  # the package's own jitter
    tenant = Tenant(_keys(), history.behaviour, loop.time, chance)
    fleet = [
        Process(
            tenant,
            loop.time,
            chance,
            traffic,
            max_age=MAX_AGE * (1 + chance.uniform(0, policy.spread)),
            forged=history.forged,
        )
        for _ in range(processes)
    ]
    starts = [chance.uniform(0, history.starts_within) for _ in fleet]
    with policy.in_force(), _quiet():
        simulated_time.run(_live(fleet, starts, history.seconds), loop)
    return Life(tenant.arrivals, [process.good for process in fleet])


async def _live(fleet: Sequence[Process], starts: Sequence[float], seconds: float) -> None:
    lives = [
        asyncio.ensure_future(process.live(start))
        for process, start in zip(fleet, starts, strict=True)
    ]
    await asyncio.sleep(seconds)
    for life in lives:
        life.cancel()
    for result in await asyncio.gather(*lives, return_exceptions=True):
        if not isinstance(result, asyncio.CancelledError):
            raise RuntimeError("a process ended early") from result


def watch(scenario: Scenario, life: Life) -> Seen:
    """Return what the tenant saw of a scenario."""
    begin, end = scenario.watched
    watched = [moment for moment in life.arrivals if begin <= moment < end]
    healed = None
    if scenario.event is not None:
        firsts = (_first_after(scenario.event, good) for good in life.good)
        healed = max(firsts) - scenario.event
    return Seen(len(watched) / (end - begin), busiest_second(watched), healed)


def _first_after(event: float, moments: Sequence[float]) -> float:
    return next((moment for moment in moments if moment >= event), math.inf)


def busiest_second(moments: Iterable[float]) -> int:
    """Return the most moments that lie within any second."""
    ordered = sorted(moments)
    first = most = 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def by_bin(moments: Iterable[float], begin: float, end: float, width: float) -> list[int]:
    """Count moments in bins of so many seconds."""
    counts = [0] * int((end - begin) / width)
    for place, group in itertools.groupby(sorted(moments), lambda at: int((at - begin) // width)):
        if 0 <= place < len(counts):
            counts[place] += len(list(group))
    return counts


@cache
def _keys() -> tuple[SigningKey, SigningKey]:
    return SigningKey.rsa("4c:fa:9e:d6"), SigningKey.rsa("a0:11:9e:d6")


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("kinde_guard.keys")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
