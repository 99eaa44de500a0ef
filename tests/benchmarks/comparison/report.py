"""The comparison as data, as tables for a terminal and as tables for the README.

Everything shown comes from the data, so the README's tables can be made again from the JSON file.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks import machine
from tests.benchmarks.comparison import cases
from tests.benchmarks.comparison.budgets import CACHE_BYTES, CACHED, IMPORT_MS, judge, outcome
from tests.benchmarks.comparison.cases import Met
from tests.benchmarks.rounds import Figures
from tests.benchmarks.spread import Spread

OURS = "kinde-guard"
OWN_CASES = (
    cases.SEEN,
    cases.THREE,
    cases.NO_DOCS,
    cases.UNSEEN,
    cases.NO_CACHE,
    cases.FORGED,
    cases.EXPIRED,
    cases.MISSING,
)
#: Refused before the route is reached, so that only the whole request means anything.
REFUSED = (cases.FORGED, cases.EXPIRED, cases.MISSING)
#: The columns of the peers' table; the last is about the whole request.
COMPARED = (cases.SEEN, cases.UNSEEN, cases.FORGED)

Data = dict[str, Any]


def as_data(
    figures: dict[str, Figures], met: list[Met], imports: Data, memory: Data, *, real_time: bool
) -> Data:
    """Return all that was found, ready for JSON."""
    everything = list(figures.values())
    rsa = Spread.of(figure for each in everything for figure in each.rsa)
    route = Spread.of(figure for each in everything for figure in each.baseline)
    return {
        "machine": machine.facts(),
        "real_time": real_time,
        "rounds": len(everything[0].whole),
        "spread": round(median(Spread.of(each.whole).relative for each in everything), 3),
        "rsa_us": rsa.as_json(),
        "route_us": route.as_json(),
        "cases": {name: _case(each) for name, each in figures.items()},
        "budgets": [
            {"case": each.budget.case, "outcome": each.outcome, "says": each.in_words}
            for each in judge(figures)
        ],
        "peers": [_peer(each) for each in met],
        "import_ms": imports,
        "cache": memory,
    }


def _case(figures: Figures) -> Data:
    return {
        "whole_us": Spread.of(figures.whole).as_json(),
        "extra_us": Spread.of(figures.extra).as_json(),
        "extra_in_rsa": figures.in_rsa(figures.extra).as_json(),
        "extra_in_routes": figures.in_routes(figures.extra).as_json(),
        "whole_in_rsa": figures.in_rsa(figures.whole).as_json(),
        "whole_in_routes": figures.in_routes(figures.whole).as_json(),
        "spread": round(Spread.of(figures.whole).relative, 3),
    }


def _peer(met: Met) -> Data:
    return {
        "name": met.peer.name,
        "version": met.version,
        "reason": met.reason,
        "checks_scopes": met.peer.checks_scopes,
        "answers": {"good": met.good, "forged": met.forged, "expired": met.expired},
    }


def show(data: Data, console: Console) -> None:
    """Print the tables, the verdicts and how much the figures can be trusted."""
    console.print(_own_table(data))
    console.print(_peer_table(data))
    for line in conclusions(data):
        console.print(line, highlight=False, soft_wrap=True)


def conclusions(data: Data) -> list[str]:
    """Return what must be said besides the tables, line by line."""
    verdicts = [f"{each['outcome']:<7} {each['says']}" for each in data["budgets"]]
    imports, cache = data["import_ms"], data["cache"]
    return [
        *verdicts,
        f"{_outcome(imports['package']['median'], imports['package']['lower'], IMPORT_MS)} "
        f"import kinde_guard over import fastapi: {imports['package']['median']:.0f} ms, "
        f"lower quartile {imports['package']['lower']:.0f} (must {IMPORT_MS}); "
        f"fastapi itself {imports['fastapi']['median']:.0f} ms",
        f"{_outcome(cache['bytes'] / cache['tokens'], 0, CACHE_BYTES / CACHED)} "
        f"{cache['tokens']:,} remembered tokens hold {cache['bytes'] / 2**20:.1f} MiB, "
        f"{cache['bytes'] / cache['tokens'] / 1024:.1f} KiB each "
        f"(must {CACHE_BYTES / 2**20:.0f} MiB for {CACHED:,})",
        *(f"not measured: {each['name']}: {each['reason']}" for each in _missing(data)),
        f"one RSA-2048 verification took {data['rsa_us']['median']:.1f} µs, the route without a "
        f"guard {data['route_us']['median']:.1f} µs (lower quartiles {data['rsa_us']['lower']:.1f} "
        f"and {data['route_us']['lower']:.1f})",
        f"{data['rounds']} rounds; {_how_busy(data)}",
        machine.in_one_line(data["machine"]),
    ]


def _outcome(median: float, lower: float, must: float) -> str:
    return f"{outcome(median, lower or median, must):<7}"


def _own_table(data: Data) -> Table:
    table = Table(title="What this guard adds to a request (medians, microseconds; and ratios)")
    table.add_column("", no_wrap=True)
    for column in ("whole", "extra", "quartile", "RSA", "routes", "spread"):
        table.add_column(column, justify="right")
    for name in (cases.UNGUARDED, *OWN_CASES):
        case = data["cases"][name]
        table.add_row(
            name,
            f"{case['whole_us']['median']:.1f}",
            *_extra(name, f"{case['extra_us']['median']:.1f}", f"{case['extra_us']['lower']:.1f}"),
            *(f"{each:.2f}" for each in _ratios(name, case)),
            f"{case['spread']:.0%}",
        )
    return table


def _extra(name: str, *shown: str) -> tuple[str, ...]:
    """Return what a case costs over the route, or blanks where the route is not reached."""
    return ("",) * len(shown) if name in REFUSED else shown


def _ratios(name: str, case: Data) -> tuple[float, float]:
    """Return the cost in verifications and in routes; of the whole request if it is refused."""
    what = "whole" if name in REFUSED else "extra"
    return case[f"{what}_in_rsa"]["median"], case[f"{what}_in_routes"]["median"]


def _peer_table(data: Data) -> Table:
    table = Table(title="Beside other guards, microseconds over no guard (the whole request last)")
    header, *rows = _compared(data)
    for column in header:
        table.add_column(column, justify="left" if column in {"guard", "answers"} else "right")
    for row in rows:
        table.add_row(*row)
    return table


def markdown(data: Data) -> str:
    """Return the README's tables."""
    header = ("request", "µs, whole", "µs over no guard", "RSA verifications", "unguarded routes")
    own: list[tuple[str, ...]] = [header]
    for name in OWN_CASES:
        case = data["cases"][name]
        whole, extra = (f"{case[unit]['median']:.0f}" for unit in ("whole_us", "extra_us"))
        ratios = (f"{each:.2f}" for each in _ratios(name, case))
        own.append((name, whole, *_extra(name, extra), *ratios))
    named = [f"- {each['name']}: {each['reason']}" for each in _missing(data)]
    parts = [_as_markdown(own), _as_markdown(_compared(data))]
    if named:
        parts.append("Not measured:\n\n" + "\n".join(named))
    return "\n\n".join(parts)


def _compared(data: Data) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("guard", *COMPARED[:2], f"{COMPARED[2]}, whole request", "answers")
    ]
    for name, version, prefix, answers in _measured(data):
        seen, unseen, forged = (data["cases"][f"{prefix}{each}"] for each in COMPARED)
        rows.append(
            (
                f"{name} {version}".strip(),
                f"{seen['extra_us']['median']:.0f}",
                f"{unseen['extra_us']['median']:.0f}",
                f"{forged['whole_us']['median']:.0f}",
                " ".join(str(each) for each in answers),
            )
        )
    return rows


def _measured(data: Data) -> list[tuple[str, str, str, tuple[int, ...]]]:
    """Return each guard that was measured: name, version, prefix of its cases, answers."""
    found: list[tuple[str, str, str, tuple[int, ...]]] = [
        (OURS, data["machine"]["versions"][OURS], "", (200, 401, 401))
    ]
    for peer in data["peers"]:
        if not peer["reason"]:
            answers = tuple(peer["answers"].values())
            note = "" if peer["checks_scopes"] else " (asks for no scope)"
            found.append((peer["name"], peer["version"] + note, f"{peer['name']}: ", answers))
    return found


def _how_busy(data: Data) -> str:
    return machine.how_busy(data["spread"], data["machine"], real_time=data["real_time"])


def _missing(data: Data) -> list[Data]:
    return [peer for peer in data["peers"] if peer["reason"]]


def _as_markdown(rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    rule = "|---" + "|---:" * (len(rows[0]) - 1) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
