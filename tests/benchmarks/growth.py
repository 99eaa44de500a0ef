"""How the cost of a request grows: with tokens, scopes, keys and routes.

    python tests/benchmarks/growth.py                    its own environment, some minutes
    python tests/benchmarks/growth.py --here --quick     this interpreter, less of everything

One variable at a time, each point by turns with all others, see ``rounds.py``. Says of each curve
whether it is flat or at worst linear. Figures and a chart go to ``tests/benchmarks/results/`` (with
``--quick`` only if ``--output`` names a folder).
"""

from __future__ import annotations

import sys
from pathlib import Path

# Not the folder of this file, whose modules have names that others may have too.
sys.path[0] = str(Path(__file__).parents[2])

from tests.benchmarks.launch import launch, parser  # noqa: E402


def main() -> int:
    return launch(parser(__doc__, rounds=40).parse_args(), "tests.benchmarks.growing.session")


if __name__ == "__main__":
    sys.exit(main())
