"""uvicorn in processes of its own, on chosen cores, for as long as a measurement needs it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final, TextIO

import httpx

from tests.benchmarks.load.api import COOLDOWN, KEYS_URL, MAX_AGE, STATS

ROOT: Final = Path(__file__).parents[3]
START_TIMEOUT: Final = 120.0
STOP_TIMEOUT: Final = 15.0


@dataclass(frozen=True)
class Stack:
    """What uvicorn is made of: its event loop and its HTTP parser."""

    name: str
    loop: str
    http: str


PLAIN: Final = Stack("asyncio and h11", "asyncio", "h11")
STANDARD: Final = Stack("uvloop and httptools", "uvloop", "httptools")


def stacks() -> tuple[Stack, ...]:
    """Return the stacks that are installed, the fastest first."""
    standard = find_spec("uvloop") is not None and find_spec("httptools") is not None
    return (STANDARD, PLAIN) if standard else (PLAIN,)


@dataclass(frozen=True)
class Guarding:
    """The guard's settings under load: where its keys are, and its times in seconds."""

    keys_url: str
    max_age: float
    cooldown: float

    def environment(self) -> dict[str, str]:
        return {
            KEYS_URL: self.keys_url,
            MAX_AGE: str(self.max_age),
            COOLDOWN: str(self.cooldown),
        }


@dataclass(frozen=True)
class Cores:
    """Which cores serve and which drive; all do both where there are too few.

    Attributes:
        all: the cores that may be used.
        real_time: whether one worker and its driver go before everything else on their cores, so
            that a busy machine disturbs them less. The kernel then takes a twentieth of each second
            away from them, so on a quiet machine the latencies are better without.
    """

    all: tuple[int, ...]
    real_time: bool = False

    @classmethod
    def here(cls, *, real_time: bool = False) -> Cores:
        return cls(tuple(sorted(os.sched_getaffinity(0))), real_time)

    def serve(self, command: Sequence[str], workers: int) -> list[str]:
        """Return the command that serves on the first cores, one for each worker."""
        return self._on(command, self.all[:workers], workers)

    def drive(self, command: Sequence[str], workers: int) -> list[str]:
        """Return the command that drives from the other cores."""
        return self._on(command, self.all[workers:] or self.all, workers)

    def _on(self, command: Sequence[str], chosen: Sequence[int], workers: int) -> list[str]:
        first = ["chrt", "--rr", "50"] if self.real_time and workers == 1 else []
        return [*first, *pinned(command, chosen)]


def may_go_first() -> bool:
    """Return whether real-time priority is granted here."""
    if shutil.which("chrt") is None:
        return False
    asked = ["chrt", "--rr", "50", "true"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def pinned(command: Sequence[str], cores: Sequence[int]) -> list[str]:
    """Return the command that runs on these cores only, where ``taskset`` is there to say so."""
    if shutil.which("taskset") is None:
        return list(command)
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]


@dataclass(frozen=True)
class Server:
    """A running API."""

    url: str
    workers: int

    def stats(self) -> dict[str, int]:
        """Return what one of its workers counted."""
        answer = httpx.get(f"{self.url}{STATS}")
        answer.raise_for_status()
        return {str(name): int(figure) for name, figure in answer.json().items()}

    def status(self, path: str, token: str) -> int:
        """Return the status of one request."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=20).status_code


@contextmanager
def serving(
    stack: Stack, workers: int, guarding: Guarding | None, cores: Cores
) -> Iterator[Server]:
    """Serve the API until the block ends."""
    port = _free_port()
    command = cores.serve(_uvicorn(stack, workers, port), workers)
    server = Server(f"http://127.0.0.1:{port}", workers)
    with TemporaryFile("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=_environment(guarding), stderr=log)
        try:
            _await(server, process, log)
            yield server
        finally:
            _stop(process)


def _uvicorn(stack: Stack, workers: int, port: int) -> list[str]:
    app = ("--factory", "tests.benchmarks.load.api:create_app", "--app-dir", str(ROOT))
    made_of = ("--loop", stack.loop, "--http", stack.http, "--workers", str(workers))
    # uvicorn replaces workers that do not say for so long that they live.
    patient = ("--timeout-worker-healthcheck", "60")
    quiet = ("--no-access-log", "--log-level", "error")
    return [sys.executable, "-m", "uvicorn", *app, *made_of, *patient, *quiet, "--port", str(port)]


def _environment(guarding: Guarding | None) -> Mapping[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != KEYS_URL}
    return inherited | (guarding.environment() if guarding else {})


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _await(server: Server, process: subprocess.Popen[bytes], log: TextIO) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            server.stats()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    log.seek(0)
    raise SystemExit(f"uvicorn does not serve: {log.read().strip() or 'it says nothing'}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
