"""On what machine, with which versions and under what load a figure was measured."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.benchmarks.spread import in_plain_words

#: Among the real-time priorities, a middle one.
PRIORITY = 50

PACKAGES = ("kinde-guard", "fastapi", "starlette", "pyjwt", "cryptography", "httpx")


def facts(*packages: str) -> dict[str, object]:
    """Return what a reader must know to compare figures; no names of hosts, users or folders."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in (*PACKAGES, *packages)},
        "load": load(),
    }


def load() -> float:
    """Return how many processes wanted to run in the last minute, on the average."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else -1.0


@contextmanager
def undisturbed() -> Iterator[bool]:
    """Go before all other processes meanwhile, if the system grants it; tells whether it does."""
    try:
        usual = os.sched_getscheduler(0), os.sched_getparam(0)
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except (AttributeError, OSError):
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setscheduler(0, *usual)


def how_busy(relative: float, found: dict[str, object], *, real_time: bool) -> str:
    """Say in words whether rounds that lie this far apart on this machine can be trusted."""
    words = in_plain_words(relative, float(str(found["load"])), int(str(found["cores"])))
    priority = "with real-time priority" if real_time else "without real-time priority"
    return f"{priority}, {words}"


def processor() -> str:
    """Return the processor's name as the system tells it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def in_one_line(found: dict[str, object]) -> str:
    """Say the facts as one line, for the foot of a table or a chart."""
    versions = found["versions"]
    fastapi = versions["fastapi"] if isinstance(versions, dict) else "?"
    return (
        f"{found['processor']}, {found['cores']} cores, "
        f"Python {found['python']}, FastAPI {fastapi}, load {found['load']}"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
