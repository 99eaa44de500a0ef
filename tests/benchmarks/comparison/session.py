"""One run of the comparison, from the loopback server to the chart."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.benchmarks import archive, environment, machine, terminal
from tests.benchmarks.asgi import UnexpectedAnswer
from tests.benchmarks.comparison import cases, chart, report, start
from tests.benchmarks.identity import Identity, on_loopback
from tests.benchmarks.peers import PEERS
from tests.benchmarks.rounds import by_turns

QUICK = 5
#: Processes that only import; each takes half a second.
IMPORTS = 21

Data = dict[str, Any]


def run(options: argparse.Namespace) -> int:
    """Measure, or read what was measured, and show it; return the exit code."""
    console = terminal.console()
    folder: Path = options.output or archive.RESULTS
    data = archive.read("comparison", folder) if options.redraw else _measure(options, console)
    report.show(data, console)
    if options.markdown:
        print(report.markdown(data))
    if options.output or not options.quick:
        if not options.redraw:
            archive.write("comparison", data, folder)
        paths = chart.draw(data, folder)
        console.print(f"written: {', '.join(path.name for path in paths)} in {folder}")
    return 0


def _measure(options: argparse.Namespace, console: Console) -> Data:
    rounds = QUICK if options.quick else options.rounds
    if not options.no_peers:
        _install_peers(console)
    with on_loopback() as identity:
        try:
            return asyncio.run(_session(identity, rounds, console, peers=not options.no_peers))
        except UnexpectedAnswer as error:
            raise SystemExit(f"{error}: the benchmark would measure nothing") from error


async def _session(identity: Identity, rounds: int, console: Console, *, peers: bool) -> Data:
    with machine.undisturbed() as real_time:
        # Worker threads that a guard needs are started in here, and so are no slower than it.
        met = await cases.meet(identity, PEERS if peers else ())
        every = [*cases.own_cases(identity), *(case for _, theirs in met for case in theirs)]
        turns = terminal.steps("requests", range(rounds), console)
        figures = await by_turns(every, identity.rsa, turns)
        fastapi, package = start.import_milliseconds(
            terminal.steps("imports", range(min(rounds, IMPORTS)), console)
        )
    count = start.REMEMBERED if rounds > QUICK else start.REMEMBERED // 8
    mint = identity.mint()
    tokens = [mint.token() for _ in terminal.steps("tokens", range(count), console)]
    memory = {"tokens": count, "bytes": await start.cache_bytes(identity, tokens)}
    imports = {"fastapi": fastapi.as_json(), "package": package.as_json()}
    peers_met = [each for each, _ in met]
    return report.as_data(figures, peers_met, imports, memory, real_time=real_time)


def _install_peers(console: Console) -> None:
    """Install the peers if this is the benchmarks' own environment."""
    if environment.is_own():
        requirements = {peer.name: peer.requirement for peer in PEERS}
        environment.add_peers(Path(sys.executable), requirements, console.print)
        importlib.invalidate_caches()
