"""What this guard costs a request, beside other guards.

    python tests/benchmarks/compare.py                    its own environment, all peers: minutes
    python tests/benchmarks/compare.py --here --quick     this interpreter, a few rounds: seconds

Everything is measured by turns in one process, see ``rounds.py``; each peer is set up as its README
says, see ``peers.py``, and its answer is checked before it is timed. Without ``--here`` the command
makes the environment ``.venv-bench`` and installs the peers there, one by one. Tables go to the
terminal; figures and a chart to ``tests/benchmarks/results/``, with ``--quick`` only if
``--output`` names a folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Not the folder of this file, whose modules have names that others may have too.
sys.path[0] = str(Path(__file__).parents[2])

from tests.benchmarks.launch import launch, parser  # noqa: E402


def main() -> int:
    options = parser(__doc__, rounds=60)
    options.add_argument("--no-peers", action="store_true", help="measure this guard alone")
    options.add_argument("--markdown", action="store_true", help="print the README's tables")
    return launch(options.parse_args(), "tests.benchmarks.comparison.session")


if __name__ == "__main__":
    sys.exit(main())
