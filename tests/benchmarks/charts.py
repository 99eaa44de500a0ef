"""The look of every chart, and files of it that are the same for the same figures.

Charts are drawn without a display, at the width at which a README shows them, and saved as PNG and
as SVG. The SVG holds no date and no random names, so that only new figures make a new file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Inches: 900 pixels at the resolution below, about the width of a README's text.
WIDTH = 9.0
PIXELS_PER_INCH = 100

OURS = "#1f6feb"
OURS_LIGHT = "#8db9f7"
PEERS = "#8c959f"
PEERS_LIGHT = "#c9d1d9"
REFUSED = "#d4a72c"
MARK = "#cf222e"
INK = "#24292f"
FAINT = "#d8dee4"

_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "kinde-guard",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "white",
}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the house style; what is left open is closed at the end."""
    with mpl.rc_context(_STYLE):
        try:
            yield
        finally:
            plt.close("all")


def panels(rows: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure of the full width and its panels, row by row; ``height`` in inches."""
    figure, axes = plt.subplots(
        rows, columns, figsize=(WIDTH, height), layout="constrained", squeeze=False
    )
    return figure, list(axes.flat)


def save(figure: Figure, stem: str, folder: Path) -> list[Path]:
    """Save as ``{stem}.png`` and ``{stem}.svg``, and return both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{stem}.png", folder / f"{stem}.svg"]
    figure.savefig(paths[0], dpi=PIXELS_PER_INCH, metadata={"Software": None})
    figure.savefig(paths[1], metadata={"Date": None, "Creator": None})
    return paths
