"""Where figures are kept: one JSON file a benchmark, with the machine that they were measured on.

The names of the files are stable, so that the README can point at them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks import machine

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "tests" / "benchmarks" / "results"


def write(name: str, figures: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write ``figures`` to ``{folder}/{name}.json``, with the date and the machine's facts.

    What ``figures`` says of the machine itself goes before the facts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    document = {"measured": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine.facts(), **figures}
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return path


def read(name: str, folder: Path = RESULTS) -> dict[str, Any]:
    """Return what ``write`` has written."""
    document: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return document
