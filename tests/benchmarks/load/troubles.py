"""What good traffic feels of trouble with the key set, and of floods of bad tokens.

Trouble is compared, pair by pair, with a guard on the same core whose keys are fresh throughout. A
flood is compared with the same server without it; and since any flood takes processor time, the
flood of bad tokens stands beside an equal flood of requests for a page that does not exist, sent
to the same application without a guard. What one request of either takes of the processor is
measured side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.benchmarks.load.bench import STEADY, Bench
from tests.benchmarks.load.comparison import Comparison
from tests.benchmarks.load.key_server import Fetch, State
from tests.benchmarks.load.servers import Server, Stack
from tests.benchmarks.load.wrk import Load, Result

CONNECTIONS: Final = 32
PATH: Final = "/users"
STATES: Final[tuple[State, ...]] = ("good", "slow", "rotating", "down")

#: 32 connections with a pause of 20 ms between requests: 1,000 to 1,500 a second.
FLOOD_PAUSE: Final = 20


@dataclass
class Trouble:
    """One state of the key set: the pairs, and the fetches that were made meanwhile."""

    pairs: Comparison = field(default_factory=Comparison)
    fetches: list[Fetch] = field(default_factory=list)


def troubles(bench: Bench, stack: Stack, advance: Callable[[], None]) -> dict[State, Trouble]:
    """Measure good traffic in every state of the key set."""
    found = {state: Trouble() for state in STATES}
    guards = {"fresh": bench.guarding(STEADY), "brisk": bench.guarding()}
    with bench.servers(stack, 1, guards) as servers:
        for number in range(bench.rounds):
            for state in STATES:
                _take_state(bench, servers, state, found[state], swapped=number % 2 == 1)
                advance()
    return found


def _take_state(
    bench: Bench, servers: dict[str, Server], state: State, trouble: Trouble, *, swapped: bool
) -> None:
    # Two seconds at least, so that a slow fetch is under way for most of them.
    load = Load(bench.pools.seen, CONNECTIONS, max(2, bench.seconds), PATH)
    early = bench.run(servers["fresh"], load) if not swapped else None
    bench.keys.fetches.clear()
    bench.enter(state, servers["brisk"])
    pool = bench.pools.rotating if state == "rotating" else bench.pools.seen
    other = bench.run(servers["brisk"], load.of(pool))
    trouble.fetches += bench.keys.fetches
    bench.enter("good", servers["brisk"])
    trouble.pairs.add(early or bench.run(servers["fresh"], load), other)


@dataclass(frozen=True)
class Flood:
    """What floods a server: which one, which tokens it sends, and where to."""

    name: str
    server: str
    tokens: str
    path: str = PATH

    def load(self, bench: Bench, *, pause: int = FLOOD_PAUSE) -> Load:
        """Return the flood, which lasts a second longer than the good traffic."""
        pool: Path = getattr(bench.pools, self.tokens)
        return Load(pool, CONNECTIONS, bench.seconds + 1, self.path, pause=pause)


FLOODS: Final = (
    Flood("404, no guard", "plain", "seen", "/nothing"),
    Flood("404, guarded", "guarded", "seen", "/nothing"),
    Flood("forged signatures", "guarded", "forged"),
    Flood("unknown key ids", "guarded", "unknown"),
)


@dataclass
class Flooded:
    """One flood: good traffic without it and with it, and the flood's own figures.

    ``pairs.processor`` compares requests of the flood with 404s of the application without a guard.
    """

    pairs: Comparison = field(default_factory=Comparison)
    floods: list[Result] = field(default_factory=list)
    fetches: list[Fetch] = field(default_factory=list)


def floods(bench: Bench, stack: Stack, advance: Callable[[], None]) -> dict[Flood, Flooded]:
    """Measure good traffic under every flood."""
    found = {flood: Flooded() for flood in FLOODS}
    guards = {"plain": None, "guarded": bench.guarding()}
    with bench.servers(stack, 1, guards) as servers:
        for number in range(bench.rounds):
            for flood in FLOODS:
                _take_flood(bench, servers, flood, found[flood], swapped=number % 2 == 1)
                advance()
    return found


def _take_flood(
    bench: Bench, servers: dict[str, Server], flood: Flood, flooded: Flooded, *, swapped: bool
) -> None:
    server = servers[flood.server]
    load = Load(bench.pools.seen, CONNECTIONS, bench.seconds, PATH)
    calm = bench.run(server, load) if not swapped else None
    bench.keys.fetches.clear()
    # The flood begins before the good traffic and ends after it.
    water = bench.begin(server, flood.load(bench))
    under = bench.run(server, load)
    flooded.floods.append(bench.end(water))
    flooded.fetches += bench.keys.fetches
    flooded.pairs.add(calm or bench.run(server, load), under)
    if flood != FLOODS[0]:
        yardstick = (servers["plain"], FLOODS[0].load(bench, pause=0))
        flooded.pairs.add_processor(
            bench.side_by_side(yardstick, (server, flood.load(bench, pause=0)))
        )
