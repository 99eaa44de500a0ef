"""One run of the simulation, from the histories to the chart."""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import track

from tests.benchmarks import archive, terminal
from tests.benchmarks.fleets import chart, report
from tests.benchmarks.fleets.scenarios import SCENARIOS, History, Life, Policy, simulate

QUICK: Final = 20


def run(options: argparse.Namespace) -> int:
    """Simulate, or read what was simulated, and show it; return the exit code."""
    console = terminal.console()
    folder: Path = options.output or archive.RESULTS
    data = archive.read("fleet", folder) if options.redraw else _simulate(options, console)
    console.print(report.table(data))
    console.print(report.arithmetic())
    if options.markdown:
        print(report.markdown(data))
    if options.output or not options.quick:
        if not options.redraw:
            archive.write("fleet", data, folder)
        paths = chart.draw(data, folder)
        console.print(f"written: {', '.join(path.name for path in paths)} in {folder}")
    return 0


def _simulate(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    processes = QUICK if options.quick else options.processes
    lives: dict[tuple[History, Policy], Life] = {}
    with ProcessPoolExecutor() as pool:
        pending = {
            pool.submit(simulate, history, policy, processes=processes, traffic=options.traffic): (
                history,
                policy,
            )
            for history in dict.fromkeys(scenario.history for scenario in SCENARIOS)
            for policy in history.policies()
        }
        done = as_completed(pending)
        for life in track(done, "fleets", len(pending), console=console, transient=True):
            lives[pending[life]] = life.result()
    return report.as_data(lives, processes, options.traffic)
