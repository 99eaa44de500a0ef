"""The house served by a real server in a process of its own, with its log and its memory."""

from __future__ import annotations

import itertools
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

ROOT: Final = Path(__file__).parents[3]
APP: Final = "tests.attack.servers.served:app"
START_TIMEOUT: Final = 180.0

#: Complaints without a traceback.
_COMPLAINTS: Final = re.compile(
    rb"[Uu]nhandled|never awaited|panicked|callable returned without|was destroyed but"
)


#: The end of a traceback; those of exception groups are indented behind a bar.
_EXCEPTION: Final = re.compile(
    rb"[ |]*([a-zA-Z_][\w.]*(?:Error|Exception|Group|Disconnect\w*)\b.*)"
)
_NUMBERS: Final = re.compile(rb"\b0x[0-9a-f]+|\d+")


def _uvicorn(port: int, *more: str) -> list[str]:
    return ["uvicorn", APP, "--port", str(port), "--lifespan", "on", *more]


#: The arguments to ``python -m`` for each server that users run FastAPI with.
SERVERS: Final[dict[str, Callable[[int], list[str]]]] = {
    "uvicorn-h11": lambda port: _uvicorn(port, "--http", "h11", "--ws", "wsproto"),
    "uvicorn-httptools": lambda port: _uvicorn(
        port, "--http", "httptools", "--ws", "websockets-sansio"
    ),
    "granian": lambda port: [
        *("granian", APP, "--interface", "asgi", "--port", str(port), "--access-log")
    ],
    "hypercorn": lambda port: [
        *("hypercorn", APP, "--bind", f"127.0.0.1:{port}", "--access-logfile", "-")
    ],
}


@dataclass
class Server:
    """A running server: where it listens, what it wrote, how much memory it holds."""

    port: int
    process: psutil.Process
    log: Path

    @property
    def memory(self) -> int:
        """Bytes resident in the process and its children."""
        return sum(process.memory_info().rss for process in self._processes())

    @property
    def sockets(self) -> int:
        """Connections that are open or half-open now."""
        connections = [
            connection
            for process in self._processes()
            for connection in process.net_connections("tcp4")
        ]
        return sum(connection.status != psutil.CONN_LISTEN for connection in connections)

    def await_start(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while self.process.is_running() and time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"the server did not start: {self.log.read_text(errors='replace')}")

    def failures(self) -> set[bytes]:
        """Return what nobody handled: each kind of traceback once, by its end, and complaints."""
        lines = self.lines()
        starts = [place for place, line in enumerate(lines) if b"Traceback (most" in line]
        kinds = {_kind_of_traceback(lines[start + 1 :]) for start in starts}
        return kinds | {line for line in lines if _COMPLAINTS.search(line)}

    def lines(self) -> list[bytes]:
        return self.log.read_bytes().splitlines()

    def _processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def _kind_of_traceback(lines: list[bytes]) -> bytes:
    """Return the exception at the end of a traceback, without its numbers and addresses."""
    frames = sum(1 for _ in itertools.takewhile(lambda line: line.startswith(b" "), lines))
    exceptions = [found[1] for line in lines[: frames + 1] if (found := _EXCEPTION.match(line))]
    return _NUMBERS.sub(b"#", exceptions[-1] if exceptions else b"".join(lines[:frames]))


@contextmanager
def serving(name: str, log: Path, **environ: str) -> Iterator[Server]:
    """Run a server on a free loopback port; what it says goes to ``log``.

    It is on its way when this returns, and listens after ``await_start``.
    """
    port = _free_port()
    optimised = ["-O"] if sys.flags.optimize else []
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            [sys.executable, *optimised, "-m", *SERVERS[name](port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environ},
            stdout=sink,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        server = Server(port, psutil.Process(process.pid), log)
        try:
            yield server
        finally:
            _end(server, process)


def _free_port() -> int:
    """Return a port that is free, and outside of the range from which clients get theirs."""
    while True:
        port = random.SystemRandom().randrange(20_000, 30_000)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _end(server: Server, process: subprocess.Popen[bytes]) -> None:
    """End it at once: a server that waits for its clients to leave would wait for long."""
    family = server.process.children(recursive=True) if process.poll() is None else []
    process.kill()
    for child in family:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()
