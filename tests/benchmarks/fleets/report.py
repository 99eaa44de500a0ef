"""What a simulated fleet cost the tenant, as figures and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.table import Table

from tests.benchmarks.fleets.process import MAX_AGE
from tests.benchmarks.fleets.scenarios import (
    SCENARIOS,
    History,
    Life,
    Policy,
    Scenario,
    by_bin,
    watch,
)

Data = dict[str, Any]

#: What the chart shows: of which scenario, from when to when around its beginning, in which bins.
CURVES: Final = {
    "busy": (0.0, 30.0, 1.0),
    "together": (0.0, 1_800.0, 10.0),
    "recovery": (-60.0, 120.0, 1.0),
    "rotation": (-60.0, 60.0, 1.0),
}


def as_data(lives: Mapping[tuple[History, Policy], Life], processes: int, traffic: float) -> Data:
    """Return everything that tables and charts show, ready for JSON."""
    rows = [
        _row(scenario, policy, lives[scenario.history, policy])
        for scenario in SCENARIOS
        for policy in scenario.history.policies()
    ]
    return {"processes": processes, "traffic": traffic, "rows": rows}


def _row(scenario: Scenario, policy: Policy, life: Life) -> Data:
    seen = watch(scenario, life)
    row: Data = {
        "key": scenario.key,
        "scenario": scenario.name,
        "policy": policy.name,
        "fetches_a_second": round(seen.mean, 3),
        "busiest_second": seen.peak,
        "seconds_until_all_have_keys": None if seen.healed is None else round(seen.healed, 1),
    }
    if scenario.key in CURVES:
        begin, end, width = CURVES[scenario.key]
        start = scenario.watched[0]
        counts = by_bin(life.arrivals, start + begin, start + end, width)
        row["curve"] = {"begin": begin, "width": width, "fetches": counts}
    return row


def table(data: Data) -> Table:
    """Return the rows as a table, one block for each scenario."""
    shown = Table(
        title=f"{data['processes']:,} processes, {data['traffic']:g} requests/s each: fetches"
    )
    for number, column in enumerate(_COLUMNS):
        shown.add_column(column, justify="right" if number > 1 else "left")
    rows: Sequence[Data] = data["rows"]
    for place, row in enumerate(rows):
        first = place == 0 or rows[place - 1]["key"] != row["key"]
        last = place + 1 == len(rows) or rows[place + 1]["key"] != row["key"]
        cells = cells_of(row)
        shown.add_row(cells[0] if first else "", *cells[1:], end_section=last)
    return shown


_COLUMNS = ("", "policy", "a second", "in the busiest second", "until all have keys")


def cells_of(row: Data) -> tuple[str, ...]:
    """Return a row as text."""
    healed = row["seconds_until_all_have_keys"]
    return (
        row["scenario"],
        row["policy"],
        f"{row['fetches_a_second']:.2f}",
        f"{row['busiest_second']:,}",
        "" if healed is None else f"{healed:.1f} s",
    )


def markdown(data: Data) -> str:
    """Return the rows as a table for the README."""
    lines = [f"| {' | '.join(_COLUMNS)} |", "|---|---|---:|---:|---:|"]
    lines += [f"| {' | '.join(cells_of(row))} |" for row in data["rows"]]
    return "\n".join(lines)


def arithmetic(sizes: Sequence[int] = (10, 100, 1_000, 10_000)) -> str:
    """Say what fleets of other sizes cost, as long as nothing happens."""
    rates = (f"{size:,} processes: {size / MAX_AGE:.2f}" for size in sizes)
    return f"Fetches a second of any fleet, on the average: {'; '.join(rates)}."
