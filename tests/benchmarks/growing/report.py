"""The growth curves as data and as a table, with a verdict on each."""

from __future__ import annotations

from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks import machine
from tests.benchmarks.growing.curves import Curve
from tests.benchmarks.rounds import Figures
from tests.benchmarks.spread import Spread

Data = dict[str, Any]

#: Quartiles of fewer rounds say nothing.
ENOUGH = 10


def as_data(
    curves: dict[str, list[Curve]],
    figures: dict[str, Figures],
    weights: list[Data],
    *,
    real_time: bool,
) -> Data:
    """Return all that was found, ready for JSON."""
    rsa = Spread.of(figure for each in figures.values() for figure in each.rsa)
    return {
        "machine": machine.facts(),
        "real_time": real_time,
        "rounds": len(next(iter(figures.values())).whole),
        "spread": round(median(Spread.of(each.whole).relative for each in figures.values()), 3),
        "rsa_us": rsa.as_json(),
        "curves": {name: [curve.as_json() for curve in found] for name, found in curves.items()},
        "memory": weights,
    }


def show(data: Data, console: Console) -> None:
    """Print one line for each curve, and how much the figures can be trusted."""
    table = Table(title="What the guard adds to a request as one thing grows, microseconds")
    table.add_column("what grows")
    table.add_column("curve")
    for column in ("from", "to", "rise", "noise", "verdict"):
        table.add_column(column, justify="right")
    for name, curves in data["curves"].items():
        for curve in curves:
            table.add_row(name, *_row(curve), end_section=curve is curves[-1])
    console.print(table)
    for line in conclusions(data):
        console.print(line, highlight=False, soft_wrap=True)


def _row(curve: Data) -> tuple[str, ...]:
    first, last = curve["points"][0], curve["points"][-1]
    verdict = curve["verdict"] if curve["good"] or curve["open"] else f"BAD: {curve['verdict']}"
    return (
        curve["name"],
        f"{first['lower']:.1f} at {first['x']:g}",
        f"{last['lower']:.1f} at {last['x']:g}",
        f"{curve['rise_us']:.1f}",
        f"{curve['noise_us']:.1f}",
        verdict,
    )


def conclusions(data: Data) -> list[str]:
    """Return what must be said besides the table, line by line."""
    bad = [
        f"{name}, {curve['name']}: {curve['verdict']}"
        for name, curves in data["curves"].items()
        for curve in curves
        if curve["open"] or not curve["good"]
    ]
    busy = machine.how_busy(data["spread"], data["machine"], real_time=data["real_time"])
    light, heavy = data["memory"][0], data["memory"][-1]
    return [
        _judgement(bad, data["rounds"]),
        f"a remembered token weighs {light['remembered_bytes'] / 1024:.1f} KiB at "
        f"{light['token_bytes']:,} bytes and {heavy['remembered_bytes'] / 1024:.1f} KiB at "
        f"{heavy['token_bytes']:,}",
        f"lower quartiles of {data['rounds']} rounds; one RSA-2048 verification took "
        f"{data['rsa_us']['median']:.1f} µs; {busy}",
        machine.in_one_line(data["machine"]),
    ]


def _judgement(bad: list[str], rounds: int) -> str:
    if rounds < ENOUGH:
        return f"everything runs; {rounds} rounds are too few to judge the curves"
    if bad:
        return f"not shown as it must be: {'; '.join(bad)}"
    return "no curve is worse than linear; scopes, keys and routes are flat for the seen token"
