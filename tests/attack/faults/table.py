"""The fault matrix as a table: ``python -m tests.attack.faults.table`` plays it and prints it.

Every word in a cell is made from what was observed, and faults with which the same was observed
share a row.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable, Mapping

from tests.attack.faults.faults import FAULTS
from tests.attack.faults.matrix import GOOD, UNKNOWN, Burst, Cell, Matrix, State

Row = Mapping[State, Cell]

CAPTION = (
    f"A cell says what {GOOD} good requests at once are answered and how many fetches of keys they "
    f"cause; then the same of {UNKNOWN} with unknown key ids; then what good requests are answered "
    "after the fault, without a restart. At once is, with keys in hand, before a fetch has ended, "
    "and without keys as soon as it has failed; after the time-out is after `jwks_timeout`."
)


def markdown(rows: Mapping[str, Row]) -> str:
    """Return the table of these faults."""
    shared: dict[tuple[str, ...], list[str]] = {}
    for fault, row in rows.items():
        shared.setdefault(tuple(shown(row[state]) for state in State), []).append(fault)
    heads = ["fault", *(state.value for state in State)]
    body = [[", ".join(faults), *cells] for cells, faults in shared.items()]
    lines = [f"| {' | '.join(line)} |" for line in [heads, *body]]
    lines.insert(1, "|" + "---|" * len(heads))
    return "\n".join([*lines, "", CAPTION, ""])


def shown(cell: Cell) -> str:
    """Return what a cell of the table says."""
    known = f"**{_status(cell.met.good)}** {_when(cell)}, {_fetches(cell.met.good.fetches)}"
    unknown = f"unknown key {_status(cell.met.unknown)}, {_fetches(cell.met.unknown.fetches)}"
    return f"{known}<br>{unknown}<br>{_recovery(cell)}"


def _status(burst: Burst) -> str:
    return " or ".join(str(status) for status, _ in sorted(burst.verdicts))


def _when(cell: Cell) -> str:
    burst = cell.met.good
    waited = not burst.ahead and burst.seconds >= 0.9 * cell.timeout
    return "after the time-out" if waited else "at once"


def _fetches(number: int) -> str:
    return {0: "no fetch", 1: "1 fetch"}.get(number, f"{number} fetches")


def _recovery(cell: Cell) -> str:
    if cell.healed:
        return f"then {_status(cell.tries[-1].due.good)}, though it goes on"
    return f"then {_status(cell.mended.good)}"


async def played(matrix: Matrix, faults: Iterable[str] = FAULTS) -> dict[str, Row]:
    """Return the rows of these faults."""
    return {fault: await matrix.row(fault) for fault in faults}


def main() -> None:
    """Play every fault, with a progress bar on standard error, and print the table."""
    from rich.console import Console  # noqa: PLC0415 - tests that only compare need none of it
    from rich.progress import track  # noqa: PLC0415

    logging.disable(logging.WARNING)
    faults = track(FAULTS, "faults", console=Console(file=sys.stderr))
    print(markdown(asyncio.run(played(Matrix(), faults))), end="")


if __name__ == "__main__":
    main()
