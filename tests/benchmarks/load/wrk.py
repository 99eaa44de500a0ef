"""wrk, the load generator: one run is one process, and its figures one line of JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.benchmarks.load.servers import Cores, Server

SCRIPT: Final = Path(__file__).with_name("load.lua")
PERCENTILES: Final = ("p50", "p75", "p90", "p99")


def missing() -> str | None:
    """Return what to install, if anything is missing."""
    if shutil.which("wrk"):
        return None
    return "wrk is not installed: apt-get install wrk (Debian, Ubuntu) or brew install wrk"


@dataclass(frozen=True)
class Load:
    """What is asked of a server, and how hard.

    Attributes:
        pool: a file of tokens, sent by turns.
        connections: each sends its next request when the last was answered.
        seconds: whole seconds, as wrk takes no others.
        path: the route.
        start: the place in the pool to begin at.
        pause: milliseconds between an answer and the next request of a connection.
    """

    pool: Path
    connections: int
    seconds: int
    path: str = "/users"
    start: int = 0
    pause: int = 0

    def starting_at(self, place: int) -> Load:
        """Return the same load from another place in its pool."""
        return replace(self, start=place)

    def of(self, pool: Path) -> Load:
        """Return the same load with other tokens."""
        return replace(self, pool=pool)


@dataclass(frozen=True)
class Result:
    """What a run found.

    Attributes:
        requests: answered requests.
        seconds: how long it ran.
        refused: answers with another status than 2xx and 3xx.
        broken: connections that failed, and answers that did not come.
        latency: milliseconds by percentile.
    """

    requests: int
    seconds: float
    refused: int
    broken: int
    latency: dict[str, float]

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


class Run:
    """A run of wrk that has begun."""

    def __init__(self, server: Server, load: Load, cores: Cores) -> None:
        self.server, self.load = server, load
        command = ["wrk", "--threads", "1", "--connections", str(load.connections)]
        command += ["--duration", f"{load.seconds}s", "--timeout", "20s"]
        command += ["--script", str(SCRIPT), f"{server.url}{load.path}", "--"]
        command += [str(load.pool), str(load.start), str(load.pause)]
        self._process = subprocess.Popen(
            cores.drive(command, server.workers),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self) -> Result:
        """Wait for the end and return the figures."""
        try:
            output, complaint = self._process.communicate()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        if self._process.returncode:
            raise SystemExit(f"wrk failed: {complaint.strip() or output.strip()}")
        return parse(output)


def parse(output: str) -> Result:
    """Read the line that ``load.lua`` printed among wrk's own."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if len(lines) != 1:
        raise SystemExit(f"wrk printed no figures: {output.strip()}")
    figures = json.loads(lines[0])
    return Result(
        requests=figures["requests"],
        seconds=figures["microseconds"] / 1e6,
        refused=figures["refused"],
        broken=figures["broken"],
        latency={name: figures[name] / 1e3 for name in PERCENTILES},
    )
