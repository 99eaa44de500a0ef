"""The gateway as its reader starts it: ``python gateway.py …``, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from kinde_guard.local import LocalKinde
from tests.examples.gateway.internal_api import InternalApi

PROGRAM = Path(__file__).parents[3] / "examples" / "gateway.py"
TENANT = {"KINDE_DOMAIN": "acme.kinde.com", "KINDE_AUDIENCE": "https://api.acme.com"}


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(PROGRAM), *map(str, arguments)]


def environment(**variables: str) -> dict[str, str]:
    ours = ("KINDE_", "POLICY", "UPSTREAM")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | variables


@pytest.mark.parametrize("by_environment", [False, True])
def test_it_forwards_between_a_tenant_and_an_internal_api(
    kinde: LocalKinde,
    served_api: tuple[InternalApi, str],
    api: InternalApi,
    policy_file: Path,
    by_environment: bool,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {"KINDE_DOMAIN": kinde.issuer, "KINDE_AUDIENCE": kinde.audience}
    arguments: list[object] = ["--port", port]
    if by_environment:
        settings |= {"POLICY": str(policy_file), "UPSTREAM": served_api[1]}
    else:
        arguments += ["--policy", policy_file, "--upstream", served_api[1], "--keep-token"]
    headers = kinde.authorization(["read:users"])
    url = f"http://127.0.0.1:{port}/users"
    with subprocess.Popen(
        command(*arguments), env=environment(**settings), stderr=subprocess.PIPE
    ) as process:
        try:
            answer = when_it_serves(url, process, headers)
            nobody = httpx.get(url)
        finally:
            process.terminate()
    assert (answer.status_code, nobody.status_code) == (200, 401)
    # The upstream's own, once each.
    assert len(answer.headers.get_list("date")) == len(answer.headers.get_list("server")) == 1
    (received,) = api.received
    kept = [] if by_environment else [headers["Authorization"]]
    assert received.values("authorization") == kept


def when_it_serves(
    url: str, process: subprocess.Popen[bytes], headers: dict[str, str]
) -> httpx.Response:
    deadline = time.monotonic() + 60
    while True:
        try:
            return httpx.get(url, headers=headers)
        except httpx.ConnectError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("policy", "upstream", "variables", "complaint"),
    [
        ("GET,/a,b\nGET,/a,b", "http://a.example", TENANT, "line 3: GET /a was there before"),
        ("GET,/a,b", "a.example", TENANT, "argument --upstream: invalid upstream_url value"),
        ("GET,/a,b", "http://[::1", TENANT, "argument --upstream: invalid upstream_url value"),
        ("GET,/a,b", "http://a.example/?b=c", TENANT, "argument --upstream: invalid"),
        ("GET,/a,b", "http://u:p@a.example", TENANT, "argument --upstream: invalid"),
        ("GET,/a,b", "http://a.example", {}, "set the environment variable KINDE_DOMAIN"),
    ],
)
def test_what_is_wrong_is_said_at_start(
    tmp_path: Path, policy: str, upstream: str, variables: dict[str, str], complaint: str
) -> None:
    file = tmp_path / "policy.csv"
    file.write_text(f"method,path,scope\n{policy}\n")
    run = subprocess.run(
        command("--policy", file, "--upstream", upstream),
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    assert complaint in run.stderr
    assert "Traceback" not in run.stderr


def test_policy_that_is_not_there_is_said_at_start(tmp_path: Path) -> None:
    run = subprocess.run(
        command("--policy", tmp_path / "none.csv", "--upstream", "http://a.example"),
        env=environment(**TENANT),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
    assert "No such file" in run.stderr


def test_policy_and_upstream_are_asked_for() -> None:
    run = subprocess.run(
        command(), env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 2
    assert "the following arguments are required: --policy, --upstream" in run.stderr
