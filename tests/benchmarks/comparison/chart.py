"""The comparison as a chart: what each guard adds to the same route, the longest bar last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from tests.benchmarks import charts, machine
from tests.benchmarks.comparison import cases
from tests.benchmarks.comparison.report import OURS

_BAR = 0.38
_DARK = (charts.OURS, charts.PEERS)
_LIGHT = (charts.OURS_LIGHT, charts.PEERS_LIGHT)


def draw(data: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the bars and return the files."""
    guards = _guards(data)
    with charts.drawing():
        figure, (axes,) = charts.panels(1, 1, 1.6 + 0.48 * len(guards))
        for row, (_, seen, unseen) in enumerate(guards):
            peer = int(row > 0)
            _bar(axes, row - _BAR / 2, seen, _DARK[peer])
            _bar(axes, row + _BAR / 2, unseen, _LIGHT[peer])
        _label(axes, [name for name, _, _ in guards], data["route_us"]["median"])
        axes.annotate(
            machine.in_one_line(data["machine"]),
            (1, 0),
            (0, -42),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            fontsize=6.5,
        )
        return charts.save(figure, "comparison", folder)


def _guards(data: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Return name, seen and unseen of each guard: this one, and then the peers by their cost."""
    peers = [each["name"] for each in data["peers"] if not each["reason"]]
    rows = [(name, *_extras(data, f"{name}: ")) for name in peers]
    return [(OURS, *_extras(data, "")), *sorted(rows, key=lambda row: row[1])]


def _extras(data: dict[str, Any], prefix: str) -> tuple[float, float]:
    seen, unseen = (data["cases"][prefix + case] for case in (cases.SEEN, cases.UNSEEN))
    return seen["extra_us"]["median"], unseen["extra_us"]["median"]


def _bar(axes: Axes, place: float, value: float, colour: str) -> None:
    axes.barh(place, value, _BAR, color=colour)
    axes.annotate(
        f"{value:,.0f}",
        (max(value, 0), place),
        (4, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
    )


def _label(axes: Axes, names: list[str], route: float) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.margins(x=0.08, y=0.02)
    axes.grid(axis="x")
    axes.axvline(route, color=charts.MARK, linewidth=1, linestyle="--")
    axes.set_title(f"What a guard adds to a request that takes {route:.0f} µs without one")
    axes.set_xlabel("microseconds over the same route without a guard, medians")
    handles = [
        Patch(color=charts.OURS, label="this guard, a token seen before"),
        Patch(color=charts.OURS_LIGHT, label="this guard, a token never seen"),
        Patch(color=charts.PEERS, label="others, a token seen before"),
        Patch(color=charts.PEERS_LIGHT, label="others, a token never seen"),
        axes.plot([], [], color=charts.MARK, linestyle="--", label="the request itself")[0],
    ]
    axes.legend(handles=handles, loc="upper right", fontsize=8)
