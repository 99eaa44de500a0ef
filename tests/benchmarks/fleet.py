"""What a fleet of processes costs the tenant: fetches of the key set, simulated.

    python tests/benchmarks/fleet.py [--processes 1000] [--traffic 10] [--quick]

Each process is a real ``RemoteKeySet`` with the default settings on a clock that jumps; only the
network and the callers are simulated. All start at once, or over ten minutes; the tenant is well,
busy, or down for an hour; it changes its key; it is flooded with unknown key ids. Each is simulated
without the jitter of retries, as the package is, and with ``jwks_max_age`` spread from process to
process. The same seed gives the same figures on any machine. A table goes to the terminal; figures
and a chart to ``tests/benchmarks/results/``, with ``--quick`` only if ``--output`` names a folder.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# Not the folder of this file, whose modules have names that others may have too.
sys.path[0] = str(Path(__file__).parents[2])

from tests.benchmarks import environment  # noqa: E402
from tests.benchmarks.launch import launch  # noqa: E402


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--processes", type=int, default=1_000, help="in the fleet [1000]")
    made.add_argument("--traffic", type=float, default=10, help="requests/s of each [10]")
    made.add_argument("--quick", action="store_true", help="20 processes, nothing is written")
    made.add_argument("--here", action="store_true", help="use this interpreter as it is")
    made.add_argument("--venv", type=Path, default=environment.DEFAULT, help="[.venv-bench]")
    made.add_argument("--output", type=Path, help="folder for figures and chart [results]")
    made.add_argument("--redraw", action="store_true", help="show what was simulated before")
    made.add_argument("--markdown", action="store_true", help="print the README's table")
    return made


if __name__ == "__main__":
    sys.exit(launch(parser().parse_args(), "tests.benchmarks.fleets.session"))
