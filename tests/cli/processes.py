"""Runs ``kinde-guard`` in a process of its own and waits for what it says."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

COMMAND = [sys.executable, "-m", "kinde_guard.cli"]
TIMEOUT = 60


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without a tenant, and with changes."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KINDE_")}
    return clean | {"COLUMNS": "80"} | changes


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(**environ),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@dataclass
class Serving:
    """A command that goes on until it is told to end."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    _lines: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)

    def read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)

    def wait_for(self, text: str) -> str:
        """Return the first line that holds ``text``."""
        while True:
            line = self._lines.get(timeout=TIMEOUT)
            self.said.append(line)
            if text in line:
                return line

    def end_with(self, signal: int) -> tuple[int, str]:
        """Return the exit code after this signal, and what was said on standard error."""
        self.process.send_signal(signal)
        code = self.process.wait(timeout=20)
        assert self.process.stderr is not None
        return code, self.process.stderr.read()


@contextmanager
def serving(*arguments: str, **environ: str) -> Iterator[Serving]:
    with subprocess.Popen(
        [*COMMAND, *arguments],
        env=environment(PYTHONUNBUFFERED="1", **environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        command = Serving(process)
        threading.Thread(target=command.read, args=(process.stdout,), daemon=True).start()
        try:
            yield command
        finally:
            process.kill()
