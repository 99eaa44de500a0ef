"""Everything that was measured, as data that tables, charts and JSON show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from tests.benchmarks.load.bench import BRISK
from tests.benchmarks.load.key_server import Fetch, State, count
from tests.benchmarks.load.throughput import Throughput
from tests.benchmarks.load.troubles import Flood, Flooded, Trouble
from tests.benchmarks.spread import Spread

Data = dict[str, Any]

KEPT_GOAL: Final = 0.95
P99_GOAL: Final = 1.2

STATE_NAMES: Final[Mapping[State, str]] = {
    "good": "answers at once",
    "slow": "takes 2 s",
    "rotating": "has a new key every second",
    "down": "hangs up",
}


def as_data(
    throughput: Throughput,
    troubles: Mapping[State, Trouble],
    floods: Mapping[Flood, Flooded],
) -> Data:
    """Return all figures."""
    return {
        "throughput": [
            {"case": case.name, "unseen": case.unseen, **pairs.as_json()}
            for case, pairs in throughput.found.items()
        ],
        "unseen_hits": round(throughput.hits, 4),
        "key_set": [
            {"case": STATE_NAMES[state], **trouble.pairs.as_json(), **_counted(trouble.fetches)}
            for state, trouble in troubles.items()
        ],
        "floods": [_flood(flood, flooded) for flood, flooded in floods.items()],
        "fetches": [
            {"case": _workers(workers), **_counted(fetches)}
            for workers, fetches in throughput.fetches.items()
        ],
    }


def _flood(flood: Flood, flooded: Flooded) -> Data:
    rates = Spread.of(each.rate for each in flooded.floods)
    own = {"case": flood.name, "server": flood.server, "flood_rate": rates.as_json()}
    return {**own, **flooded.pairs.as_json(), **_counted(flooded.fetches)}


def _workers(number: int) -> str:
    return f"{number} worker{'s' if number > 1 else ''}"


def _counted(fetches: Sequence[Fetch]) -> Data:
    return {"fetches": asdict(count(fetches))}


def goals(data: Data) -> Iterator[Data]:
    """Compare the figures with what they should be: name, wanted, found, met."""
    for row in data["throughput"]:
        kept = row["processor"]["kept"]
        if kept and not row["unseen"]:
            name = f"throughput kept: {row['case']}"
            yield _goal(name, "95 % or more", part(kept), met=kept["median"] >= KEPT_GOAL)
    for row in data["key_set"]:
        ratio = row["p99"]["ratio"]
        if ratio and row["case"] == STATE_NAMES["slow"]:
            name = "p99 while the key set takes 2 s, over p99 with fresh keys"
            yield _goal(name, "1.2 times or less", times(ratio), met=ratio["median"] <= P99_GOAL)
    watched = [*data["fetches"], *data["key_set"], *data["floods"]]
    yield _fetch_goal([row["fetches"] for row in watched if row["fetches"]["fetches"]])
    yield _goal(
        "good requests refused or dropped",
        "0",
        str(sum(row["unanswered"] for row in _driven(data))),
        met=not any(row["unanswered"] for row in _driven(data)),
    )


def _driven(data: Data) -> list[Data]:
    return [*data["throughput"], *data["key_set"], *data["floods"]]


def _fetch_goal(counts: Iterable[Data]) -> Data:
    found = list(counts)
    at_once = max((row["at_once"] for row in found), default=0)
    closest = min((row["closest"] for row in found if row["closest"]), default=float("inf"))
    return _goal(
        "key fetches of one process, under any load",
        f"1 at a time, {BRISK:g} s apart or more",
        f"{at_once} at a time, {closest:.2f} s apart or more",
        met=at_once == 1 and closest >= BRISK,
    )


def _goal(name: str, wanted: str, found: str, *, met: bool) -> Data:
    return {"goal": name, "wanted": wanted, "found": found, "met": met}


def part(spread: Mapping[str, float] | None) -> str:
    """Write a part of one in per cent, with its quartiles."""
    if spread is None:
        return ""
    return f"{spread['median']:.1%} ({spread['lower']:.1%} to {spread['upper']:.1%})"


def times(spread: Mapping[str, float] | None) -> str:
    """Write a ratio, with its quartiles."""
    if spread is None:
        return ""
    return f"{spread['median']:.2f} ({spread['lower']:.2f} to {spread['upper']:.2f})"
