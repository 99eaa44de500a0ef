"""The figures as tables: in a terminal, and as Markdown for the README."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from rich.table import Table

from tests.benchmarks import machine
from tests.benchmarks.load.figures import KEPT_GOAL, goals, part, times
from tests.benchmarks.load.wrk import PERCENTILES
from tests.benchmarks.spread import in_plain_words

Data = dict[str, Any]

ENOUGH_ROUNDS: Final = 4


class Grid(NamedTuple):
    """A table as text."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def grids(data: Data) -> Iterator[Grid]:
    """Go through the tables."""
    yield Grid(
        f"Without and with the guard, {data['stack']}",
        ("route", "requests/s", "with / without", "processor µs a request", "throughput kept"),
        [_throughput(row) for row in data["throughput"]],
    )
    yield Grid(
        "Latency in milliseconds, without / with the guard",
        ("route", *PERCENTILES),
        [_latency(row) for row in data["throughput"]],
    )
    yield Grid(
        "Good requests while the key set is in trouble, over a guard whose keys are fresh",
        ("the key set", "requests/s", "p50", "p99", "lost", "key fetches"),
        [(*_compared(row), _fetches(row)) for row in data["key_set"]],
    )
    yield Grid(
        "Good requests under a flood, over the same server without it",
        (
            *("flood of", "flood's requests/s", "requests/s", "p50", "p99", "lost"),
            "processor time of one, over a 404",
        ),
        [_flood(row) for row in data["floods"]],
    )
    yield Grid(
        "Goals",
        ("", "wanted", "found", ""),
        [
            (goal["goal"], goal["wanted"], goal["found"], "met" if goal["met"] else "missed")
            for goal in goals(data)
        ],
    )


def _throughput(row: Data) -> tuple[str, ...]:
    spent = row["processor"]
    return (
        row["case"],
        _sides(row["rate"], 0),
        part(row["rate"]["ratio"]),
        _sides(spent, 0),
        part(spent["kept"]),
    )


def _latency(row: Data) -> tuple[str, ...]:
    return (row["case"], *(_sides(row[name], 2) for name in PERCENTILES))


def _compared(row: Data) -> tuple[str, ...]:
    ratios = (times(row[name]["ratio"]) for name in ("rate", "p50", "p99"))
    return (row["case"], *ratios, str(row["unanswered"]))


def _flood(row: Data) -> tuple[str, ...]:
    case, *compared = _compared(row)
    spent = times(row["processor"]["times"])
    return (case, f"{row['flood_rate']['median']:,.0f}", *compared, spent)


def _fetches(row: Data) -> str:
    found = row["fetches"]
    closest = f", {found['closest']:.1f} s apart or more" if found["closest"] else ""
    return f"{found['fetches']}, {found['at_once']} at a time{closest}"


def _sides(figure: Data, digits: int) -> str:
    if figure["base"] is None:
        return ""
    return " / ".join(f"{figure[side]['median']:,.{digits}f}" for side in ("base", "other"))


def tables(data: Data) -> Iterator[Table]:
    """Go through the tables for a terminal."""
    for title, columns, rows in grids(data):
        table = Table(title=title, title_justify="left")
        for number, column in enumerate(columns):
            table.add_column(column, justify="right" if number else "left")
        for row in rows:
            table.add_row(*row)
        yield table


def markdown(data: Data) -> str:
    """Return the tables for the README."""
    return "\n\n".join(
        f"{title}:\n\n| {' | '.join(columns)} |\n|---|{'---:|' * (len(columns) - 1)}\n"
        + "\n".join(f"| {' | '.join(row)} |" for row in rows)
        for title, columns, rows in grids(data)
    )


def reach(data: Data) -> str:
    """Say from which route on the goal is met, by what the guard added to the routes measured."""
    added = [
        row["processor"]["other"]["median"] - row["processor"]["base"]["median"]
        for row in data["throughput"]
        if row["processor"]["kept"] and not row["unseen"]
    ]
    if not added:
        return ""
    routes = sorted(extra * KEPT_GOAL / (1 - KEPT_GOAL) for extra in added)
    return (
        f"The guard added {min(added):.0f} to {max(added):.0f} µs of processor time: "
        f"{KEPT_GOAL:.0%} of the throughput is kept where a request takes {routes[0]:.0f} to "
        f"{routes[-1]:.0f} µs without it."
    )


def trust(data: Data) -> str:
    """Say on what machine this was, and how far the figures can be trusted."""
    first = ", real-time priority" if data["real_time"] else ""
    facts = f"{machine.in_one_line(data['machine'])}{first}"
    if data["rounds"] < ENOUGH_ROUNDS:
        return f"{facts}\n{data['rounds']} round(s): a smoke test, no figures to rely on."
    bases = [row["rate"]["base"] for row in data["throughput"] if row["rate"]["base"]]
    apart = max(((base["upper"] - base["lower"]) / base["median"] for base in bases), default=0.0)
    words = in_plain_words(apart)
    return f"{facts}\nRequests per second without a guard, in the worst case: {words}"
