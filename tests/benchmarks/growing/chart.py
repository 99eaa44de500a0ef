"""The growth curves as a chart: one panel for each thing that grows, and one for the memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from tests.benchmarks import charts, machine

Data = dict[str, Any]

_COLOURS = (charts.OURS, charts.REFUSED, charts.PEERS)
_LOGARITHMIC = 5_000


def draw(data: Data, folder: Path) -> list[Path]:
    """Draw the panels and return the files."""
    with charts.drawing():
        figure, panels = charts.panels(2, 3, 6.2)
        for axes, (name, curves) in zip(panels, data["curves"].items(), strict=False):
            _panel(axes, name, curves)
        _memory(panels[-1], data["memory"])
        for axes in (panels[0], panels[3]):
            axes.set_ylabel("µs over the unguarded route")
        figure.suptitle(
            "What the guard adds to a request as one thing grows "
            "(line: lower quartile, band: up to the upper one)",
            fontsize=10,
            x=0.01,
            ha="left",
        )
        figure.supxlabel(machine.in_one_line(data["machine"]), fontsize=6.5, x=0.99, ha="right")
        return charts.save(figure, "growth", folder)


def _panel(axes: Axes, name: str, curves: list[Data]) -> None:
    for curve, colour in zip(curves, _COLOURS, strict=False):
        xs = [point["x"] for point in curve["points"]]
        lower, upper = ([point[side] for point in curve["points"]] for side in ("lower", "upper"))
        axes.fill_between(xs, lower, upper, color=colour, alpha=0.18, linewidth=0)
        axes.plot(xs, lower, color=colour, marker="o", markersize=3.5, label=curve["name"])
    if curves[0]["points"][-1]["x"] > _LOGARITHMIC:
        axes.set_xscale("log")
        axes.minorticks_off()
    _finish(axes, name, max(point["lower"] for curve in curves for point in curve["points"]))


def _memory(axes: Axes, weights: list[Data]) -> None:
    xs = [each["token_bytes"] / 1024 for each in weights]
    ys = [each["remembered_bytes"] / 1024 for each in weights]
    axes.plot(xs, ys, color=charts.OURS, marker="o", markersize=3.5, label="KiB a token remembered")
    _finish(axes, "token size, KiB", max(ys))


def _finish(axes: Axes, name: str, top: float) -> None:
    axes.set_xlabel(name)
    # Room for the legend above the curves; what a busy machine made of the upper ends is cut off.
    axes.set_ylim(0, max(top, 1) * 1.7)
    axes.grid(axis="y")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _short(x)))
    axes.legend(loc="upper left", fontsize=7.5)


def _short(number: float) -> str:
    return f"{number / 1000:g}k" if number >= 1_000 else f"{number:g}"
