"""Guarded against unguarded: requests per second and latency, and processor time for a request.

Each round takes every case by turns, unguarded and guarded next to each other, the order swapped
from round to round. With one worker it also runs both at once on one core: the kernel then changes
between them every few milliseconds, and the processor time that each spends on a request can be
compared on a machine that is busy or changes its speed. On a core that is never idle, the inverse
of that ratio is the throughput that is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tests.benchmarks.load.bench import Bench
from tests.benchmarks.load.comparison import Comparison
from tests.benchmarks.load.key_server import Fetch
from tests.benchmarks.load.servers import PLAIN, Server, Stack
from tests.benchmarks.load.wrk import Load

#: Connections at which both servers are never idle, and none waits long.
SATURATED = 32


@dataclass(frozen=True)
class Case:
    """One load, for both servers."""

    stack: Stack
    workers: int
    path: str
    connections: int
    unseen: bool = False

    @property
    def name(self) -> str:
        tokens = ", tokens never seen" if self.unseen else ""
        workers = f", {self.workers} workers" if self.workers > 1 else ""
        server = f", {self.stack.name}" if self.stack == PLAIN else ""
        return f"{self.path}, {self.connections} conn.{tokens}{workers}{server}"

    @property
    def side_by_side(self) -> bool:
        return self.workers == 1 and self.connections == SATURATED


@dataclass
class Throughput:
    """The comparisons by case, and what two things that could spoil them were.

    Attributes:
        hits: of the requests with tokens never seen, the part that the guard had seen after all.
        fetches: every fetch of keys, by the number of workers.
    """

    found: dict[Case, Comparison] = field(default_factory=dict)
    hits: float = 0.0
    fetches: dict[int, list[Fetch]] = field(default_factory=dict)


def cases(stacks: Sequence[Stack], *, quick: bool) -> list[Case]:
    """Return the cases, those of one set of servers next to each other."""
    best = stacks[0]
    if quick:
        return [Case(best, 1, "/users", SATURATED), Case(best, 2, "/users", SATURATED)]
    found = [Case(best, 1, path, n) for path in ("/users", "/ping") for n in (1, 32, 256)]
    found.append(Case(best, 1, "/users/threaded", SATURATED))
    found.append(Case(best, 1, "/users", SATURATED, unseen=True))
    found += [Case(best, 2, "/users", connections) for connections in (1, 32, 256)]
    if best != PLAIN and PLAIN in stacks:
        found += [Case(PLAIN, 1, path, SATURATED) for path in ("/users", "/ping")]
    return found


def measure(bench: Bench, chosen: Sequence[Case], advance: Callable[[], None]) -> Throughput:
    """Measure the cases in so many rounds; ``advance`` is called after each case of each."""
    throughput = Throughput({case: Comparison() for case in chosen})
    guards = {"plain": None, "guarded": bench.guarding()}
    for (stack, workers), group in groupby(chosen, lambda case: (case.stack, case.workers)):
        turns = list(group)
        with bench.servers(stack, workers, guards) as servers:
            bench.keys.fetches.clear()
            for number in range(bench.rounds):
                for case in turns:
                    _take(bench, servers, case, throughput, swapped=number % 2 == 1)
                    advance()
            throughput.fetches.setdefault(workers, []).extend(bench.keys.fetches)
    return throughput


def _take(
    bench: Bench,
    servers: dict[str, Server],
    case: Case,
    throughput: Throughput,
    *,
    swapped: bool,
) -> None:
    plain, guarded = servers["plain"], servers["guarded"]
    pool = bench.pools.unseen if case.unseen else bench.pools.seen
    load = Load(pool, case.connections, bench.seconds, case.path)
    comparison = throughput.found[case]
    before = guarded.stats() if case.unseen else {}
    if swapped:
        other = bench.run(guarded, load)
        comparison.add(bench.run(plain, load), other)
    else:
        comparison.add(bench.run(plain, load), bench.run(guarded, load))
    if case.side_by_side:
        comparison.add_processor(bench.side_by_side((plain, load), (guarded, load)))
    if case.unseen:
        throughput.hits = max(throughput.hits, _hits(before, guarded.stats()))


def _hits(before: dict[str, int], after: dict[str, int]) -> float:
    verified = after["verified"] - before["verified"]
    return (after["cache_hits"] - before["cache_hits"]) / verified if verified else 0.0
