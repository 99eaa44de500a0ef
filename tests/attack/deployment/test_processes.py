"""Several processes: each fetches the keys once, whatever made it and whatever became of others."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attack.deployment.commands import APP, Deployment, deployed, until
from tests.mint import LoopbackKeyServer, SigningKey, Tenant

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

UVICORN = ("uvicorn", APP, "--port", "{port}")
GUNICORN = ("gunicorn", APP, "--bind", "127.0.0.1:{port}", "--preload", "--workers", "2")


def processes_that_answer(deployment: Deployment, token: str, count: int) -> set[int]:
    """Ask, several at once, until so many processes have answered; every answer must be good."""
    seen: set[int] = set()

    def ask(_: int) -> None:
        status, process = deployment.ask("/process", token)
        assert status == 200
        seen.add(process)

    with ThreadPoolExecutor(8) as pool:
        until(lambda: list(pool.map(ask, range(16))) and len(seen) == count)
    return seen


def test_workers_of_uvicorn_fetch_once_each_and_a_killed_one_is_replaced(
    keys: LoopbackKeyServer, resident: Tenant, other_key: SigningKey, tmp_path: Path, nightly: bool
) -> None:
    workers = 8 if nightly else 4
    with deployed(keys, tmp_path / "log", *UVICORN, "--workers", str(workers)) as deployment:
        token = resident.token("read:users")
        seen = processes_that_answer(deployment, token, workers)
        assert keys.fetches == workers
        for _ in range(20):
            assert deployment.ask("/process", resident.token("read:users"))[0] == 200
            assert deployment.ask("/process", resident.token(key=other_key))[0] == 401
            assert deployment.ask("/process", resident.token("other"))[0] == 403
        # The stranger's key id is unknown, and every process is cooling down after its fetch.
        assert keys.fetches == workers

        victim = min(seen)
        os.kill(victim, signal.SIGKILL)
        until(lambda: keys.fetches == workers + 1)
        assert victim not in processes_that_answer(deployment, token, workers)
        assert keys.fetches == workers + 1


UVICORN_WORKER, ASGI_WORKER = "uvicorn_worker.UvicornWorker", "asgi"
FORKS = [(UVICORN_WORKER, True), (ASGI_WORKER, False)]
if os.environ.get("KINDE_GUARD_NIGHTLY"):
    FORKS += [(UVICORN_WORKER, False), (ASGI_WORKER, True)]


@pytest.mark.parametrize(("worker", "warm"), FORKS)
def test_gunicorn_that_made_the_guard_before_it_forked(
    worker: str, warm: bool, keys: LoopbackKeyServer, resident: Tenant, tmp_path: Path
) -> None:
    environ = {"WARM_AT_IMPORT": "1"} if warm else {}
    command = (*GUNICORN, "--worker-class", worker)
    with deployed(keys, tmp_path / "log", *command, environ=environ) as deployment:
        processes_that_answer(deployment, resident.token("read:users"), 2)
        assert deployment.ask("/process")[0] == 401
        # Keys that were fetched before the fork are every worker's own from then on.
        assert keys.fetches == (1 if warm else 2)
    assert deployment.complaints == []


def test_uvicorn_that_reloads_serves_the_new_code_with_keys_of_its_own(
    keys: LoopbackKeyServer, resident: Tenant, tmp_path: Path
) -> None:
    code = tmp_path / "reloaded.py"
    served = Path(__file__).with_name("deployed.py").read_text()
    code.write_text(served)
    command = ("uvicorn", "reloaded:app", "--port", "{port}", "--reload", "--reload-dir", ".")
    with deployed(keys, tmp_path / "log", *command, cwd=tmp_path) as deployment:
        status, before = deployment.ask("/process", resident.token("read:users"))
        assert (status, keys.fetches) == (200, 1)

        code.write_text(served.replace('"read:users"', '"read:everything"'))
        token = resident.token("read:everything")
        until(lambda: deployment.answers() and deployment.ask("/process", token)[0] == 200)
        status, problem = deployment.ask("/process", resident.token("read:users"))
        assert (status, problem["required_scopes"]) == (403, ["read:everything"])
        assert keys.fetches == 2
        assert deployment.ask("/health")[1] != before
    assert deployment.complaints == []
