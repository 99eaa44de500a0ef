"""One run of the growth curves, from the tokens to the chart."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.benchmarks import archive, machine, terminal
from tests.benchmarks.asgi import Traffic, UnexpectedAnswer
from tests.benchmarks.comparison.start import cache_bytes
from tests.benchmarks.growing import chart, report
from tests.benchmarks.growing.curves import Curve, Point
from tests.benchmarks.growing.variables import (
    CACHE,
    SIZES,
    TOKEN_COUNT,
    VARIABLES,
    Stock,
    Variable,
    flags,
)
from tests.benchmarks.identity import Identity, offline
from tests.benchmarks.rounds import Case, Figures, by_turns
from tests.benchmarks.spread import Spread

QUICK = 3
#: In a quick run no variable grows beyond this.
QUICK_LIMIT = 100
#: Tokens by which the weight of one is taken.
WEIGHED = 200

Data = dict[str, Any]
Points = dict[str, list[float]]


def run(options: argparse.Namespace) -> int:
    """Measure, or read what was measured, and show it; return the exit code."""
    console = terminal.console()
    folder: Path = options.output or archive.RESULTS
    data = archive.read("growth", folder) if options.redraw else _measure(options, console)
    report.show(data, console)
    if options.output or not options.quick:
        if not options.redraw:
            archive.write("growth", data, folder)
        paths = chart.draw(data, folder)
        console.print(f"written: {', '.join(path.name for path in paths)} in {folder}")
    return 0


def _measure(options: argparse.Namespace, console: Console) -> Data:
    rounds = QUICK if options.quick else options.rounds
    limit = QUICK_LIMIT if options.quick else float("inf")
    points = {each.name: [x for x in each.points if x <= limit] for each in VARIABLES}
    try:
        return asyncio.run(_session(offline(), points, rounds, console))
    except UnexpectedAnswer as error:
        raise SystemExit(f"{error}: the benchmark would measure nothing") from error


async def _session(identity: Identity, points: Points, rounds: int, console: Console) -> Data:
    mint = identity.mint()
    in_flight = int(points[TOKEN_COUNT.name][-1])
    tokens = [mint.token() for _ in terminal.steps("tokens", range(in_flight), console)]
    stock = Stock(identity, tokens)
    cases = [
        case
        for variable in terminal.steps("apps", VARIABLES, console)
        for point in points[variable.name]
        for case in variable.cases(stock, point)
    ]
    await _fill_caches(cases, tokens, points[TOKEN_COUNT.name])
    with machine.undisturbed() as real_time:
        turns = terminal.steps("requests", range(rounds), console)
        figures = await by_turns(cases, identity.rsa, turns)
    weights = await _weigh(identity, console)
    curves = {each.name: _curves(each, points[each.name], figures) for each in VARIABLES}
    return report.as_data(curves, figures, weights, real_time=real_time)


async def _fill_caches(
    cases: Sequence[Case], tokens: Sequence[str], counts: Sequence[float]
) -> None:
    """Let each guard of the tokens in flight remember as many of them as it can."""
    flights = [case for case in cases if case.name.startswith(TOKEN_COUNT.name)]
    for case, count in zip(flights, counts, strict=True):
        if isinstance(case.take, Traffic):
            await Traffic(case.take.app, tokens=tokens[: min(int(count), CACHE)])()


def _curves(
    variable: Variable, points: Sequence[float], figures: dict[str, Figures]
) -> list[Curve]:
    return [
        Curve(
            name,
            [Point(x, Spread.of(figures[variable.case_name(name, x)].extra)) for x in points],
            must_be_flat=name in variable.flat,
        )
        for name in variable.curves
    ]


async def _weigh(identity: Identity, console: Console) -> list[Data]:
    """Return the bytes that the guard remembers of one token, by the token's length."""
    weights = []
    for kibibytes in terminal.steps("memory", SIZES, console):
        mint = identity.mint()
        mint.changes |= flags(mint, int(kibibytes * 1024))
        tokens = mint.fresh(WEIGHED)
        held = await cache_bytes(identity, tokens)
        weights.append({"token_bytes": len(tokens[0]), "remembered_bytes": held / WEIGHED})
    return weights
