"""Real processes, stopped by SIGSTOP in the middle of a fetch, or idle between requests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.attack.frozen.stopped import MAX_AGE, TIMEOUT
from tests.mint import KID, OTHER_KID, LoopbackKeyServer, SigningKey

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP here")

#: Longer than anything here takes.
PATIENCE = 20.0


class StallingKeyServer(LoopbackKeyServer):
    """A key server on a real socket that answers only while it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.answering = threading.Event()
        self.answering.set()
        self.asked = threading.Event()

    @property
    def document(self) -> dict[str, object]:
        self.asked.set()
        self.answering.wait(PATIENCE)
        return self._document

    @document.setter
    def document(self, document: dict[str, object]) -> None:
        self._document = document


class StoppableProcess:
    """A guard in a process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, kid: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{kid}\n")
        self._process.stdin.flush()

    def verdict(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def verdict_on(self, kid: str) -> str:
        self.ask(kid)
        return self.verdict()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)


@pytest.fixture
def server(key: SigningKey) -> Iterator[StallingKeyServer]:
    server = StallingKeyServer()
    server.publish(key)
    with server.running():
        yield server
        server.answering.set()


@pytest.fixture
def process(server: StallingKeyServer) -> Iterator[StoppableProcess]:
    command = [sys.executable, "-m", "tests.attack.frozen.stopped", server.issuer]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as running:
        yield StoppableProcess(running)
        running.kill()


def test_request_whose_process_is_stopped_in_its_fetch_is_let_in(
    server: StallingKeyServer, process: StoppableProcess
) -> None:
    server.answering.clear()
    process.ask(KID)
    assert server.asked.wait(PATIENCE)
    with process.stopped():
        time.sleep(TIMEOUT + 1)
    # The answer does not come before the time-out of the fetch that stood still.
    time.sleep(TIMEOUT / 4)
    server.answering.set()
    assert process.verdict() == "let in"


def test_withdrawn_key_is_refused_though_the_answer_with_it_waited_in_the_socket(
    server: StallingKeyServer, process: StoppableProcess, other_key: SigningKey
) -> None:
    server.answering.clear()
    process.ask(KID)
    assert server.asked.wait(PATIENCE)
    with process.stopped():
        server.answering.set()
        time.sleep(MAX_AGE + TIMEOUT)
        server.publish(other_key)
    assert process.verdict() == "unknown_key"
    assert process.verdict_on(OTHER_KID) == "let in"


def test_withdrawn_key_is_refused_by_the_second_request_of_a_loop_idle_in_between(
    server: StallingKeyServer, process: StoppableProcess, other_key: SigningKey
) -> None:
    assert process.verdict_on(KID) == "let in"
    server.publish(other_key)
    time.sleep(MAX_AGE + 0.1)
    # Starts a refresh, and its event loop stands still right after.
    assert process.verdict_on(KID) == "let in"
    time.sleep(TIMEOUT + 0.6)
    assert process.verdict_on(KID) == "unknown_key"
    assert process.verdict_on(OTHER_KID) == "let in"
