"""A guide, followed: its servers start, its commands run in order, its outputs are compared.

A block of commands that starts a server stands for a terminal of its own. What the other blocks set
stays set, as in one terminal. Ports are exchanged for free ones in commands and outputs alike.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from tests.project.readme import ROOT, blocks

DEADLINE = 60.0
"""Seconds: longer than any server here takes to start."""

ENV_FILE = ".env.kinde"

_SERVERS = ("kinde-guard local", "uvicorn ")
_PORTS = ("8787", "8000", "8001")
_KEEP = "set -a; if [ -f .terminal ]; then . ./.terminal; fi\n"
_SAVE = "\nexport -p > .terminal\n"


def follow(topic: str, folder: Path) -> list[tuple[str, str]]:
    """Follow the guide of a topic in an empty folder.

    Returns:
        What each output of the guide shows, and what was printed in its place.
    """
    (folder / "examples").symlink_to(ROOT / "examples")
    ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
    compared = []
    with ExitStack() as servers:
        printed = ""
        for block in blocks(f"examples/{topic}/README.md"):
            code = _replaced(block.code, ports)
            if block.language == "text":
                compared.append((code.strip(), printed.strip()))
            elif block.language == "sh" and code.startswith(_SERVERS):
                _serve(code, folder, servers)
            elif block.language == "sh":
                printed = _run(code, folder)
    return compared


def _run(code: str, folder: Path) -> str:
    # A terminal keeps what a block sets, exported or not.
    kept = "".join(f"\nexport {name}" for name in re.findall(r"^(\w+)=", code, re.MULTILINE))
    run = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", _KEEP + code + kept + _SAVE],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    if run.returncode:
        raise AssertionError(f"{code}\n{run.stdout}\n{run.stderr}")
    return run.stdout


def _serve(code: str, folder: Path, servers: ExitStack) -> None:
    """Start a server in the background, until the end of the guide."""
    (port,) = re.findall(r"--port (\d+)", code)
    with (folder / f"{port}.log").open("w") as log:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {code}"],
            cwd=folder,
            env=_environment(),
            stdout=log,
            stderr=log,
        )
    servers.callback(process.wait, DEADLINE)
    servers.callback(process.send_signal, signal.SIGINT)
    end = time.monotonic() + DEADLINE
    # Local Kinde writes its file once it answers.
    written = folder / ENV_FILE if code.startswith("kinde-guard") else folder
    while not (_answers(int(port)) and written.exists()):
        if process.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"{code}\n{(folder / f'{port}.log').read_text()}")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KINDE_")}
    # The commands of this environment, and the package of this checkout.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return clean | {"PATH": path, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


def _free_ports(count: int) -> list[str]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [str(each.getsockname()[1]) for each in sockets]


def _replaced(code: str, ports: dict[str, str]) -> str:
    return re.sub(r"\b(?:8787|8000|8001)\b", lambda match: ports[match[0]], code)
