"""The chart of a simulated fleet: when its fetches come, under which policy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from tests.benchmarks.charts import MARK, OURS, PEERS, drawing, panels, save

Data = dict[str, Any]

_LINES = {
    "no jitter": (PEERS, "solid"),
    "as it is": (OURS, "solid"),
    "max_age spread by 10 %": (MARK, "dotted"),
}
_PANELS = {
    "together": ("Refreshes, an hour after a start at once", 60, "minutes"),
    "busy": ("Start at once, a tenant that answers 100/s", 1, "seconds"),
    "recovery": ("The end of an outage of an hour", 1, "seconds after it"),
    "rotation": ("A new key signs from one moment to the next", 1, "seconds after it"),
}


def draw(data: Data, folder: Path) -> list[Path]:
    """Draw the chart and save it as ``fleet.png`` and ``fleet.svg``."""
    with drawing():
        figure, axes = panels(2, 2, 5.2)
        for panel, (key, (title, unit, unit_name)) in zip(axes, _PANELS.items(), strict=True):
            rows = [row for row in data["rows"] if row["key"] == key]
            _curves(panel, rows, unit)
            panel.set_title(title)
            panel.set_xlabel(unit_name)
            panel.set_ylabel(_bin_name(rows[0]["curve"]["width"]))
        handles, labels = axes[1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        return save(figure, "fleet", folder)


def _curves(axes: Axes, rows: Sequence[Data], unit: float) -> None:
    axes.grid(visible=True, axis="y")
    for row in rows:
        curve = row["curve"]
        counts: Sequence[int] = curve["fetches"]
        edges = [(curve["begin"] + curve["width"] * n) / unit for n in range(len(counts) + 1)]
        colour, line = _LINES[row["policy"]]
        axes.stairs(counts, edges, color=colour, linestyle=line, label=row["policy"], linewidth=1.3)
    axes.set_ylim(0)


def _bin_name(width: float) -> str:
    return "fetches in a second" if width == 1 else f"fetches in {width:g} seconds"
