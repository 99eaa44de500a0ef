"""Servers as their users start them: a command, a free port of loopback, and an end to it all."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tests.mint import AUDIENCE, LoopbackKeyServer

ROOT: Final = Path(__file__).parents[3]
APP: Final = "tests.attack.deployment.deployed:app"

#: Seconds; a busy machine needs some for a few interpreters.
PATIENCE: Final = 60.0


@dataclass
class Deployment:
    """A server that runs."""

    port: int
    log: Path

    def ask(self, path: str, token: str | None = None) -> tuple[int, Any]:
        """Send a request on a connection of its own, so that any worker may take it.

        Returns:
            The status and the body.
        """
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with closing(connection):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def answers(self) -> bool:
        try:
            return self.ask("/health")[0] == 200
        except (OSError, HTTPException):
            return False

    @property
    def complaints(self) -> list[str]:
        """Lines of the log that no healthy server writes."""
        words = ("Traceback", "never awaited", "was destroyed", "ERROR", "CRITICAL")
        lines = self.log.read_text().splitlines()
        return [line for line in lines if any(word in line for word in words)]


@contextmanager
def deployed(
    keys: LoopbackKeyServer,
    log: Path,
    *command: str,
    cwd: Path = ROOT,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Deployment]:
    """Run ``python -m`` with a command; ``{port}`` in it becomes a free port."""
    port = free_port()
    optimised = ["-O"] if sys.flags.optimize else []
    program = [sys.executable, *optimised, "-m", *(part.format(port=port) for part in command)]
    settings = {"KINDE_DOMAIN": keys.issuer, "KINDE_AUDIENCE": AUDIENCE, **environ}
    paths = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with (
        log.open("wb") as sink,
        subprocess.Popen(
            program,
            cwd=cwd,
            env={**os.environ, **paths, **settings},
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        deployment = Deployment(port, log)
        try:
            until(lambda: process.poll() is not None or deployment.answers())
            yield deployment
        finally:
            _end(process)


def until(condition: Callable[[], object]) -> None:
    """Wait for other processes.

    Raises:
        AssertionError: they took too long.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("the other processes took too long")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    finally:
        # Its workers too, whatever became of it; they are all of the session that it leads.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
