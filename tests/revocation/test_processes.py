"""Several processes with one Redis: forked ones, stopped ones, and ones that came later."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from kinde_guard.revocation import RedisRevocations
from tests.revocation.process import is_revoked
from tests.revocation.redis_server import RedisServer

POLL = 0.2


class Process:
    def __init__(self, url: str, poll_every: float) -> None:
        arguments = [sys.executable, "-m", "tests.revocation.process", url, str(poll_every)]
        self.popen = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, line: str) -> str:
        self.send(line)
        return self.answer()

    def send(self, line: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{line}\n")
        self.popen.stdin.flush()

    def answer(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()


@contextmanager
def running(url: str, count: int, poll_every: float = POLL) -> Iterator[list[Process]]:
    processes = [Process(url, poll_every) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            process.popen.send_signal(signal.SIGCONT)
            process.popen.communicate(timeout=10)


def test_every_process_refuses_within_a_poll(redis_server: RedisServer) -> None:
    with running(redis_server.url, 3) as (first, *others):
        for process in (first, *others):
            assert process.ask("kp_ada") == "accepted"
        assert first.ask("revoke kp_ada") == "revoked"
        time.sleep(POLL)
        for process in others:
            assert process.ask("kp_ada") == "revoked"
            assert process.ask("kp_eve") == "accepted"


def test_process_that_stood_still_reads_before_it_answers(redis_server: RedisServer) -> None:
    # Only the age of the list makes it read: its own next poll is as late as the request.
    with running(redis_server.url, 2, poll_every=0.5) as (first, second):
        assert second.ask("kp_ada") == "accepted"
        second.popen.send_signal(signal.SIGSTOP)
        assert first.ask("revoke kp_ada") == "revoked"
        time.sleep(1.2)
        second.send("kp_ada")
        second.popen.send_signal(signal.SIGCONT)
        assert second.answer() == "revoked"


def test_process_that_stood_still_without_redis_answers_with_what_it_knew(
    redis_server: RedisServer,
) -> None:
    with running(redis_server.url, 1, poll_every=0.2) as (process,):
        assert process.ask("revoke kp_ada") == "revoked"
        process.popen.send_signal(signal.SIGSTOP)
        redis_server.kill()
        time.sleep(1)
        process.popen.send_signal(signal.SIGCONT)
        assert process.ask("kp_ada") == "revoked"
        assert process.ask("kp_eve") == "accepted"


def test_processes_give_a_replaced_redis_what_they_know(redis_server: RedisServer) -> None:
    with running(redis_server.url, 2) as (first, second):
        first.ask("revoke kp_ada")
        second.ask("revoke kp_eve")
        redis_server.kill()
        redis_server.start()
        time.sleep(3 * POLL)
        assert second.ask("kp_ada") == "revoked"
        with running(redis_server.url, 1) as (late,):
            assert late.ask("kp_ada") == "revoked"
            assert late.ask("kp_eve") == "revoked"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("used_before", [False, True])
def test_list_that_was_made_before_a_fork_serves_parent_and_child(
    redis_server: RedisServer, used_before: bool
) -> None:
    revocations = RedisRevocations(redis_server.url, poll_every=POLL)
    if used_before:
        asyncio.run(revocations.revoke_user("kp_old"))
        assert asyncio.run(is_revoked(revocations, "kp_old"))

    def check() -> None:
        assert revocations.snapshot is None
        assert asyncio.run(is_revoked(revocations, "kp_old")) is used_before
        asyncio.run(revocations.revoke_user("kp_child"))
        deadline = time.monotonic() + 5
        while not asyncio.run(is_revoked(revocations, "kp_parent")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        asyncio.run(revocations.aclose())

    pid = os.fork()
    if pid == 0:
        _leave(check)
    asyncio.run(revocations.revoke_user("kp_parent"))
    assert os.waitpid(pid, 0)[1] == 0
    deadline = time.monotonic() + 5
    while not asyncio.run(is_revoked(revocations, "kp_child")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    asyncio.run(revocations.aclose())


def _leave(check: Callable[[], None]) -> None:
    status = 1
    try:
        check()
        status = 0
    except BaseException:  # noqa: BLE001 - told by the status
        traceback.print_exc()
    finally:
        os._exit(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_child_keeps_what_its_parent_knew_when_redis_is_gone(redis_server: RedisServer) -> None:
    revocations = RedisRevocations(redis_server.url, poll_every=POLL)
    asyncio.run(revocations.revoke_user("kp_ada"))
    asyncio.run(revocations.current())
    redis_server.kill()
    pid = os.fork()
    if pid == 0:

        def check() -> None:
            assert asyncio.run(is_revoked(revocations, "kp_ada"))
            assert not asyncio.run(is_revoked(revocations, "kp_eve"))

        _leave(check)
    assert os.waitpid(pid, 0)[1] == 0
    asyncio.run(revocations.aclose())
