"""One run under a real server, from the key server to the chart."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tests.benchmarks import archive, machine, terminal
from tests.benchmarks.load import chart, report, wrk
from tests.benchmarks.load.bench import Bench
from tests.benchmarks.load.figures import as_data
from tests.benchmarks.load.key_server import KeyServer
from tests.benchmarks.load.servers import PLAIN, Cores, may_go_first, stacks
from tests.benchmarks.load.throughput import cases, measure
from tests.benchmarks.load.tokens import UNSEEN, signing_keys, write_pools
from tests.benchmarks.load.troubles import FLOODS, STATES, floods, troubles

Data = dict[str, Any]


def run(options: argparse.Namespace) -> int:
    """Measure, or read what was measured, and show it; return the exit code."""
    console = terminal.console()
    folder: Path = options.output or archive.RESULTS
    if not options.redraw and (missing := _missing(options)):
        print(missing, file=sys.stderr)
        return 2
    data = archive.read("served", folder) if options.redraw else _measure(options, console)
    _show(data, console)
    if options.markdown:
        print(report.markdown(data))
    if options.output or not options.quick:
        if not options.redraw:
            archive.write("served", data, folder)
        paths = chart.draw(data, folder)
        console.print(f"written: {', '.join(path.name for path in paths)} in {folder}")
    return 0


def _missing(options: argparse.Namespace) -> str | None:
    if options.real_time and not may_go_first():
        return "real-time priority is not granted: run without --real-time, or as root"
    return wrk.missing()


def _show(data: Data, console: Console) -> None:
    for table in report.tables(data):
        console.print(table)
    console.print(report.reach(data))
    console.print(report.trust(data), markup=False)
    if data["stack"] == PLAIN.name:
        console.print("uvicorn's fastest form was not measured: pip install uvloop httptools")


def _measure(options: argparse.Namespace, console: Console) -> Data:
    rounds = 1 if options.quick else options.rounds
    chosen = cases(stacks(), quick=options.quick)
    keys = signing_keys()
    with (
        tempfile.TemporaryDirectory() as folder,
        KeyServer(keys).running() as key_server,
        Progress(console=console, transient=True) as progress,
    ):
        steps = rounds * (len(chosen) + len(STATES) + len(FLOODS))
        task = progress.add_task("minting tokens", total=steps)
        pools = write_pools(Path(folder), keys, unseen=1 if options.quick else UNSEEN)
        cores = Cores.here(real_time=options.real_time)
        bench = Bench(key_server, pools, cores, options.seconds, rounds)

        def advance() -> None:
            progress.advance(task)

        progress.update(task, description="throughput")
        throughput = measure(bench, chosen, advance)
        progress.update(task, description="key set in trouble")
        troubled = troubles(bench, stacks()[0], advance)
        progress.update(task, description="floods")
        figures = as_data(throughput, troubled, floods(bench, stacks()[0], advance))
    about = {
        "machine": machine.facts("uvicorn", "uvloop", "httptools"),
        "stack": stacks()[0].name,
        "rounds": rounds,
        "seconds": options.seconds,
        "real_time": options.real_time,
    }
    return about | figures
