"""What every measurement under a real server shares, and how one run of it is made."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.benchmarks.load.key_server import KeyServer, State
from tests.benchmarks.load.servers import Cores, Guarding, Server, Stack, serving
from tests.benchmarks.load.tokens import Pools, first_token
from tests.benchmarks.load.wrk import Load, Result, Run

#: Seconds. The keys are refreshed 600 times as often as by default, so that the few seconds of a
#: run hold refreshes at all.
BRISK: Final = 1.0
STEADY: Final = 600.0
SETTLING: Final = 70.0
OK: Final = 200


@dataclass
class Bench:
    """The key server, the tokens, the cores, and how long to measure.

    Attributes:
        places: where in a pool of unseen tokens the next run begins, by server and pool.
    """

    keys: KeyServer
    pools: Pools
    cores: Cores
    seconds: int
    rounds: int
    places: dict[tuple[str, Path], int] = field(default_factory=dict)

    def guarding(self, max_age: float = BRISK) -> Guarding:
        """Return a guard's settings whose keys are refreshed after ``max_age`` seconds."""
        return Guarding(self.keys.url, max_age, cooldown=BRISK)

    @contextmanager
    def servers(
        self, stack: Stack, workers: int, guards: Mapping[str, Guarding | None]
    ) -> Iterator[dict[str, Server]]:
        """Serve the API once for each guard, and once without where it is ``None``."""
        with ExitStack() as running:
            yield {
                name: running.enter_context(serving(stack, workers, guarding, self.cores))
                for name, guarding in guards.items()
            }

    def begin(self, server: Server, load: Load) -> Run:
        """Begin a run where the last one with these tokens ended."""
        place = self.places.get((server.url, load.pool), 0)
        return Run(server, load.starting_at(place), self.cores)

    def end(self, run: Run) -> Result:
        """Wait for a run's end and remember where in its pool that was."""
        result = run.result()
        key = (run.server.url, run.load.pool)
        # Requests without an answer used tokens too, at most one a connection.
        self.places[key] = run.load.start + result.requests + run.load.connections
        return result

    def run(self, server: Server, load: Load) -> Result:
        """Make a run from beginning to end."""
        return self.end(self.begin(server, load))

    def side_by_side(
        self, base: tuple[Server, Load], other: tuple[Server, Load]
    ) -> tuple[float, float] | None:
        """Run two loads at once; return the microseconds of processor time for a request of each.

        ``None`` where one of them was not answered at all.
        """
        before = [server.stats() for server, _ in (base, other)]
        runs = [self.begin(server, load) for server, load in (base, other)]
        results = [self.end(run) for run in runs]
        after = [server.stats() for server, _ in (base, other)]
        if not all(result.requests for result in results):
            return None
        spent = [
            (late["processor_ns"] - early["processor_ns"]) / result.requests / 1e3
            for early, late, result in zip(before, after, results, strict=True)
        ]
        return spent[0], spent[1]

    def enter(self, state: State, server: Server) -> None:
        """Change how the key server behaves, and wait until the guard has met it.

        The guard fetches only when asked, so it is asked.
        """
        self.keys.state = state
        begun = self.keys.began
        token = first_token(self.pools.seen)
        deadline = time.monotonic() + SETTLING
        status = 0
        # Good keys must be in hand before anything else happens to them.
        while self.keys.began == begun or (state == "good" and status != OK):
            if time.monotonic() > deadline:
                raise SystemExit(f"the guard did not fetch its keys ({state}) in time")
            status = server.status("/ping", token)
            time.sleep(0.05)
