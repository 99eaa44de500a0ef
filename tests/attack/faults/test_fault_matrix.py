"""Every fault in every state of the keys: what is answered, when, for how many fetches, and after.

The table in the README is made from the same play: ``python -m tests.attack.faults.table``.
"""

from __future__ import annotations

import math

import pytest

from kinde_guard import KeysUnavailable, UnknownKey
from tests.attack.faults.faults import FAULTS
from tests.attack.faults.matrix import (
    GOOD,
    UNKNOWN,
    Burst,
    Cell,
    Matrix,
    Moment,
    State,
    earliest,
    latest,
)
from tests.attack.faults.table import markdown, played
from tests.core.exchange import Answer, check_refusal
from tests.project.readme import ROOT

pytestmark = pytest.mark.anyio

CELLS = [(fault, state) for fault in FAULTS for state in State]
EVERY_CELL = pytest.mark.parametrize(
    ("fault", "state"), CELLS, ids=[f"{fault}, {state.value}" for fault, state in CELLS]
)

#: Seconds by which a busy machine may be late.
LATE = 2.0


@EVERY_CELL
async def test_cell(fault: str, state: State, matrix: Matrix) -> None:
    cell = (await matrix.row(fault))[state]
    check_before_the_fault_matters(cell)
    check_meeting(cell)
    check_back_off(cell, matrix.tries(fault))
    check_recovery(cell)
    check_books(cell)


def check_before_the_fault_matters(cell: Cell) -> None:
    """Fresh keys that were just fetched: no fetch, so no fault."""
    if cell.at_first is not None:
        check_served(cell.at_first.good, cell)
        check_unknown(cell.at_first.unknown)
        assert cell.at_first.fetches == 0


def check_meeting(cell: Cell) -> None:
    """One fetch for all: who has a key does not wait for it, who needs one waits no longer."""
    good, unknown = cell.met.good, cell.met.unknown
    if cell.state.serves:
        check_served(good, cell)
    else:
        check_unavailable(good, 1, 1)
        check_waited(good, cell)
    check_unavailable(unknown, 1, 1)
    assert (good.fetches, unknown.fetches) == cell.state.trigger
    if cell.overtaking is not None:
        check_served(cell.overtaking, cell)
        check_waited(unknown, cell)


def check_back_off(cell: Cell, tries: int) -> None:
    """The next tries come after 1, 2, 4 s and so on, no sooner and no later, and cost one fetch."""
    heals = FAULTS[cell.fault].heals
    assert len(cell.tries) == (1 if heals else tries)
    for number, each in enumerate(cell.tries):
        check_pause(each.before, cell, math.ceil(latest(number) - earliest(number) + 0.01))
        assert (each.due.good.fetches, each.due.unknown.fetches) == cell.state.trigger
        if heals:
            check_well(each.due, cell)
        else:
            check_ill(each.due, cell, math.ceil(earliest(number + 1)), latest(number + 1))


def check_pause(moment: Moment, cell: Cell, longest: float) -> None:
    check_ill(moment, cell, 1, longest)
    assert moment.fetches == 0
    assert max(moment.good.seconds, moment.unknown.seconds) < cell.timeout


def check_recovery(cell: Cell) -> None:
    """All is well with the next try, without a restart."""
    check_well(cell.mended, cell)
    wanted = (0, 0) if FAULTS[cell.fault].heals else cell.state.trigger
    assert (cell.mended.good.fetches, cell.mended.unknown.fetches) == wanted
    check_well(cell.afterwards, cell)
    assert cell.afterwards.fetches == 0
    assert cell.ready


def check_books(cell: Cell) -> None:
    """The key server, the counters and the events tell the same, and nothing is left open."""
    fault = FAULTS[cell.fault]
    good = int(cell.state.has_keys) + 1
    failed = 1 + (0 if fault.heals else len(cell.tries))
    assert (cell.fetches, cell.failures) == (good + failed, failed)
    assert cell.connections == (good + failed if fault.arrives else good)
    assert cell.events.count("keys_fetched") == good
    assert cell.events.count("keys_failed") == failed
    assert set(cell.targets) == {"/.well-known/jwks"}
    assert cell.open_connections == 0


def check_well(moment: Moment, cell: Cell) -> None:
    assert moment.good.verdicts == {(200, "")}
    assert len(moment.good.answers) == GOOD
    if cell.state.serves:
        check_served(moment.good, cell)
    check_unknown(moment.unknown)


def check_ill(moment: Moment, cell: Cell, soonest: int, longest: float) -> None:
    if cell.state.serves:
        check_served(moment.good, cell)
    else:
        check_unavailable(moment.good, soonest, longest)
    check_unavailable(moment.unknown, soonest, longest)


def check_served(burst: Burst, cell: Cell) -> None:
    """Good requests were let in, and before any fetch ended: none waited for one."""
    assert len(burst.answers) == GOOD
    for answer in burst.answers:
        assert (answer.status, answer.json) == (200, {"route": "users"})
    assert burst.ahead
    assert burst.seconds < cell.timeout


def check_unknown(burst: Burst) -> None:
    assert len(burst.answers) == UNKNOWN
    for answer in burst.answers:
        check_refusal(answer, UnknownKey)


def check_unavailable(burst: Burst, soonest: int, longest: float) -> None:
    assert burst.answers
    for answer in burst.answers:
        check_refusal(answer, KeysUnavailable, retry_after=retry_after(answer))
        assert soonest <= retry_after(answer) <= longest


def retry_after(answer: Answer) -> int:
    return int(answer.header("retry-after") or 0)


def check_waited(burst: Burst, cell: Cell) -> None:
    """A fault that hangs is waited for up to the time-out, and any other less than that."""
    if FAULTS[cell.fault].hangs:
        assert 0.9 * cell.timeout < burst.seconds < cell.timeout + LATE
    else:
        assert burst.seconds < cell.timeout / 2


async def test_table_in_the_readme_is_what_was_observed(matrix: Matrix) -> None:
    readme = (ROOT / "tests" / "attack" / "README.md").read_text()
    told = readme.partition("<!-- fault matrix -->")[2].partition("<!-- /fault matrix -->")[0]
    assert told.strip() == markdown(await played(matrix)).strip(), (
        "print it anew: python -m tests.attack.faults.table"
    )
