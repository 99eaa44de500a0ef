"""Each example as its reader starts it: ``python examples/…``, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from kinde_guard.local import LocalKinde

ROOT = Path(__file__).parents[2]
EXAMPLES = ("quickstart.py", "users_api.py")

# The examples say port 8000, which may be taken where tests run; all else is as it stands.
RUN = """
import functools, runpy, sys, uvicorn
uvicorn.run = functools.partial(uvicorn.run, port=int(sys.argv[2]))
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@contextmanager
def running(example: str, **environ: str) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KINDE_")}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(ROOT / "examples" / example), str(port)],
        env=clean | environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_served(url, process)
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=10)


def wait_until_served(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{url}/docs")
        except httpx.TransportError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def test_quickstart_has_at_most_20_lines() -> None:
    lines = (ROOT / "examples" / "quickstart.py").read_text().splitlines()
    assert len(lines) <= 20


@pytest.mark.parametrize("example", EXAMPLES)
def test_without_a_tenant_it_starts_and_asks_for_a_token(example: str) -> None:
    with running(example) as url:
        answer = httpx.get(f"{url}/users")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="api"'
        # No browser can use client credentials, so the document offers a bearer token alone.
        document = httpx.get(f"{url}/openapi.json").text
        assert "KindeBearer" in document
        assert "/oauth2/token" not in document


@pytest.mark.parametrize("example", EXAMPLES)
def test_with_a_tenant_in_the_environment_it_trusts_that_tenant(
    kinde: LocalKinde, example: str
) -> None:
    with running(example, KINDE_DOMAIN=kinde.issuer, KINDE_AUDIENCE=kinde.audience) as url:
        good = httpx.get(f"{url}/users", headers=kinde.authorization(["read:users"]))
        poor = httpx.get(f"{url}/users", headers=kinde.authorization(["read:roles"]))
    assert good.status_code == 200
    assert (poor.status_code, poor.json()["required_scopes"]) == (403, ["read:users"])


def test_quickstart_answers_with_its_users(kinde: LocalKinde) -> None:
    environ = {"KINDE_DOMAIN": kinde.issuer, "KINDE_AUDIENCE": kinde.audience}
    with running("quickstart.py", **environ) as url:
        answer = httpx.get(f"{url}/users", headers=kinde.authorization())
    assert answer.json() == ["Ada", "Grace"]


def test_users_api_keeps_its_users_where_database_says(kinde: LocalKinde, tmp_path: Path) -> None:
    database = tmp_path / "users.db"
    environ = {"KINDE_DOMAIN": kinde.issuer, "KINDE_AUDIENCE": kinde.audience}
    with running("users_api.py", DATABASE=str(database), **environ):
        assert database.exists()
