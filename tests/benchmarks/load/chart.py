"""The chart of a run: what is kept of the throughput, what trouble costs, what floods cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from tests.benchmarks.charts import FAINT, INK, MARK, OURS, OURS_LIGHT, PEERS, WIDTH, drawing, save
from tests.benchmarks.load.figures import KEPT_GOAL, P99_GOAL

Data = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """One bar: a median with its quartiles."""

    label: str
    spread: dict[str, float]
    colour: str = OURS


def draw(data: Data, folder: Path) -> list[Path]:
    """Draw the chart and save it as ``served.png`` and ``served.svg``."""
    kept, p99, flooded = throughput_bars(data), p99_bars(data), flood_bars(data)
    with drawing():
        heights = [1 + len(bars) for bars in (kept, p99, flooded)]
        size = (WIDTH, 1.6 + 0.25 * sum(heights))
        figure, axes = plt.subplots(3, figsize=size, height_ratios=heights, layout="constrained")
        _bars(
            axes[0],
            "Throughput kept (dark: by processor time; light: by requests/s)",
            kept,
        )
        _goal(axes[0], KEPT_GOAL)
        _bars(axes[1], "p99 of good requests while the key set is in trouble, over fresh keys", p99)
        _goal(axes[1], P99_GOAL)
        _bars(axes[2], "Good requests kept under a flood of about 1,000 others a second", flooded)
        for panel in (axes[0], axes[2]):
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes[1].xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
        return save(figure, "served", folder)


def throughput_bars(data: Data) -> list[Bar]:
    """Return what each case keeps: by processor time where that was taken, else by rate."""
    bars = []
    for row in data["throughput"]:
        kept, ratio = row["processor"]["kept"], row["rate"]["ratio"]
        if kept or ratio:
            bars.append(Bar(row["case"], kept or ratio, OURS if kept else OURS_LIGHT))
    return bars


def p99_bars(data: Data) -> list[Bar]:
    """Return how the p99 changes in each state of the key set."""
    rows = [row for row in data["key_set"] if row["p99"]["ratio"]]
    return [Bar(f"key set {row['case']}", row["p99"]["ratio"]) for row in rows]


def flood_bars(data: Data) -> list[Bar]:
    """Return what each flood leaves of the good requests per second."""
    rows = [row for row in data["floods"] if row["rate"]["ratio"]]
    return [
        Bar(row["case"], row["rate"]["ratio"], OURS if row["server"] == "guarded" else PEERS)
        for row in rows
    ]


def _bars(axes: Axes, title: str, bars: Sequence[Bar]) -> None:
    axes.set_title(title)
    axes.grid(visible=True, axis="x")
    for place, bar in enumerate(bars):
        median, lower, upper = (bar.spread[name] for name in ("median", "lower", "upper"))
        axes.barh(place, median, color=bar.colour, height=0.62)
        reach = [[median - lower], [upper - median]]
        axes.errorbar(median, place, xerr=reach, color=INK, linewidth=1, capsize=2)
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars])
    axes.invert_yaxis()
    # A busy machine's quartiles may leave the picture; the medians do not.
    axes.set_xlim(0, 1.25 * max([0.84, *(bar.spread["median"] for bar in bars)]))
    axes.spines["left"].set_color(FAINT)
    axes.tick_params(axis="y", length=0)


def _goal(axes: Axes, where: float) -> None:
    axes.axvline(where, color=MARK, linewidth=1, linestyle="--", label="goal")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
