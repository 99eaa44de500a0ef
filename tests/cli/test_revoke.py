"""``kinde-guard revoke``: revocations in a real Redis, and ``doctor``'s look at it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from kinde_guard.local import LocalKinde
from tests.cli.in_process import Command, Ended, command
from tests.cli.tenants import of_caller

PASSWORD = "a-password-of-redis"


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    server = shutil.which("redis-server")
    if server is None:
        if os.environ.get("KINDE_GUARD_FORBID_SKIPS") == "1":
            pytest.fail("redis-server is not installed")
        pytest.skip("redis-server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["--port", str(port), "--save", "", "--appendonly", "no", "--requirepass", PASSWORD]
    with subprocess.Popen([server, *arguments], stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
        process.terminate()


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(monkeypatch, capsys)


def one_line(ended: Ended, code: int) -> str:
    assert (ended.code, ended.out, ended.err.count("\n")) == (code, "", 1)
    assert PASSWORD not in ended.err
    return ended.err.removeprefix("kinde-guard: ").rstrip("\n")


@pytest.mark.parametrize("subject", ["user", "organization", "client", "token"])
def test_subject_is_revoked_and_restored(cli: Command, redis_url: str, subject: str) -> None:
    ended = cli("revoke", subject, "id_1", "--redis", redis_url)
    assert (ended.code, ended.out, ended.err) == (0, f"revoked {subject} id_1\n", "")
    ended = cli("revoke", subject, "id_1", "--restore", KINDE_REVOCATIONS_URL=redis_url)
    assert (ended.code, ended.out, ended.err) == (0, f"restored {subject} id_1\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("user", "kp_1"), "no Redis is named: give --redis URL, or set KINDE_REVOCATIONS_URL"),
        (
            ("user", "kp_1", "--redis", f"http://:{PASSWORD}@a"),
            "--redis: it must be a URL such as redis://127.0.0.1:6379/0",
        ),
        (("user", " ", "--redis", "redis://127.0.0.1:1"), "the id of the user is empty"),
        (("user",), "Missing argument 'ID'."),
        (("users", "kp_1"), "Invalid value for 'user|organization|client|token': "),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    cli: Command, arguments: tuple[str, ...], message: str
) -> None:
    assert one_line(cli("revoke", *arguments), 2).startswith(message)


def test_redis_out_of_reach_is_one_line_without_the_password(cli: Command) -> None:
    ended = cli("revoke", "user", "kp_1", "--redis", f"redis://:{PASSWORD}@127.0.0.1:1/0")
    assert one_line(ended, 1).startswith(
        "Redis at redis://127.0.0.1:1/0 did not take it (ConnectionError: "
    )


def test_missing_library_is_one_line_that_names_the_extra(
    cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinde_guard.cli.revoke.find_spec", lambda _: None)
    ended = cli("revoke", "user", "kp_1", "--redis", "redis://127.0.0.1:1/0")
    assert one_line(ended, 2) == (
        "redis-py is not installed: install kinde-guard with its extra redis"
    )


# doctor


def revocations_in(ended: Ended) -> tuple[str, str, str]:
    assert PASSWORD not in ended.out + ended.err
    (found,) = [
        each for each in json.loads(ended.out)["examinations"] if each["name"] == "revocations"
    ]
    return found["health"], found["says"], found["remedy"]


def test_doctor_asks_the_redis_of_the_environment(
    cli: Command, kinde: LocalKinde, redis_url: str
) -> None:
    environ = of_caller(kinde, kinde.applications[0])
    ended = cli("doctor", "--json", **environ, KINDE_REVOCATIONS_URL=redis_url)
    health, message, _ = revocations_in(ended)
    assert (ended.code, health) == (0, "ok")
    assert message.startswith("redis://127.0.0.1:")
    assert message.endswith(" answers")


def test_doctor_names_the_cause_where_redis_does_not_answer(
    cli: Command, kinde: LocalKinde
) -> None:
    environ = of_caller(kinde, kinde.applications[0])
    url = f"redis://:{PASSWORD}@127.0.0.1:1/0"
    ended = cli("doctor", "--json", **environ, KINDE_REVOCATIONS_URL=url)
    health, message, remedy = revocations_in(ended)
    assert (ended.code, health) == (1, "failed")
    assert message.startswith("redis://127.0.0.1:1/0: ")
    assert "refused" in message
    assert remedy.startswith("until it answers")
