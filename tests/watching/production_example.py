"""The production example without containers: its processes, and the commands of its guide."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from kinde_guard.local import LocalKinde

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "production"
GUIDE = (EXAMPLE / "README.md").read_text()

PATIENCE = 60.0
"""Seconds: longer than anything here takes."""


def commands() -> list[str]:
    """Return the blocks of commands of the guide that need no containers."""
    return re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def free_ports(count: int) -> list[int]:
    """Return ports that follow one another and are free at the moment.

    They lie below those that systems give to connections: it takes seconds until they are used.
    """
    while True:
        first = random.randrange(20_000, 32_000)
        ports = list(range(first, first + count))
        if all(map(_is_free, ports)):
            return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def environment(kinde: LocalKinde, **changes: str) -> dict[str, str]:
    """Return what the processes are given, as ``kinde-guard local --env-file`` writes it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KINDE_")}
    (application,) = [each for each in kinde.applications if each.name == "Back office"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return clean | {
        "PATH": path,
        "KINDE_DOMAIN": kinde.issuer,
        "KINDE_AUDIENCE": kinde.audience,
        "KINDE_CLIENT_ID": application.client_id,
        "KINDE_CLIENT_SECRET": application.client_secret or "",
        **changes,
    }


class Process:
    """A command that runs until the end of its block, and what it wrote to its errors."""

    def __init__(self, command: str, environ: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("w") as stream:
            self._process = subprocess.Popen(
                ["bash", "-c", command],
                env=environ,
                cwd=ROOT,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def wait_for_end(self) -> int:
        return self._process.wait(PATIENCE)

    def end(self) -> None:
        # A session of its own: the shell's children end with it.
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, kind)
                self._process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


@contextmanager
def running(command: str, environ: dict[str, str], log: Path) -> Iterator[Process]:
    process = Process(command, environ, log)
    try:
        yield process
    finally:
        process.end()


def is_served(url: str) -> bool:
    try:
        httpx.get(url, trust_env=False)
    except httpx.TransportError:
        return False
    return True


def samples(port: int) -> dict[str, float]:
    """Return what a worker's metrics endpoint shows, without what is 0."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.value
    }


def has_redis() -> bool:
    return shutil.which("redis-server") is not None
