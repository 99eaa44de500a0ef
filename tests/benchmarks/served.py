"""What the guard costs under a real server, and what trouble and floods cost good requests.

    python tests/benchmarks/served.py                     its own environment: a quarter of an hour
    python tests/benchmarks/served.py --here --quick      this interpreter, one round: a minute

uvicorn serves one API with a guard and without, on a core of its own; wrk drives it from another.
Guarded and unguarded take turns of a second, so that a machine whose speed changes slows both, and
run side by side on one core, where the processor time of a request is compared. Every figure is the
median over the rounds of a ratio within one pair, with its quartiles. Tables go to the terminal;
figures and a chart to ``tests/benchmarks/results/``, with ``--quick`` only if ``--output`` names a
folder. Needs Linux and wrk (``apt-get install wrk``).
"""

from __future__ import annotations

import sys
from pathlib import Path

# Not the folder of this file, whose modules have names that others may have too.
sys.path[0] = str(Path(__file__).parents[2])

from tests.benchmarks.launch import launch, parser  # noqa: E402


def main() -> int:
    options = parser(__doc__, rounds=12)
    options.add_argument("--seconds", type=int, default=1, help="of a run, whole ones [1]")
    options.add_argument(
        "--real-time", action="store_true", help="before all else, for a busy machine; as root"
    )
    options.add_argument("--markdown", action="store_true", help="print the README's tables")
    return launch(options.parse_args(), "tests.benchmarks.load.session")


if __name__ == "__main__":
    sys.exit(main())
