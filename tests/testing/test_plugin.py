"""The plugin as a project gets it: by installing the package, in pytest runs of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

HEAVY = (
    "fastapi",
    "starlette",
    "pydantic",
    "httpx",
    "cryptography",
    "jwt",
    "uvicorn",
    "sqlite3",
    "kinde_guard.guard",
    "kinde_guard.local",
)

APP = """
from fastapi import Depends, FastAPI
from kinde_guard import KindeGuard, require_scopes

app = FastAPI()
guard = KindeGuard("acme.kinde.com", audience="https://api.acme.com")
guard.install(app)

@app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
async def list_users():
    return ["ada"]
"""

# The second is what pytest says under python -O.
INI = """
[pytest]
filterwarnings =
    error
    ignore:assertions not in test modules
"""

LOOPBACK_ONLY = """
import socket
connect = socket.socket.connect

def to_loopback(self, address):
    assert address[0] == "127.0.0.1", address
    return connect(self, address)

socket.socket.connect = to_loopback
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project whose application is made at import, for a tenant that is not there."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.delenv("PYTEST_PLUGINS", raising=False)
    pytester.makeini(INI)
    pytester.makepyfile(acme=APP)
    pytester.makeconftest(LOOPBACK_ONLY)
    pytester.syspathinsert()
    return pytester


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:cacheprovider", *options)


def test_plugin_is_registered_with_pytest() -> None:
    (plugin,) = entry_points(group="pytest11", name="kinde_guard")
    assert plugin.value == "kinde_guard.testing"


def test_plugin_alone_imports_nothing_heavy(project: pytest.Pytester) -> None:
    project.makepyfile(f"""
        import sys

        def test_nothing(request):
            assert request.config.pluginmanager.has_plugin("kinde_guard")
            assert [name for name in {HEAVY!r} if name in sys.modules] == []
    """)
    run(project).assert_outcomes(passed=1)


def test_plugin_alone_imports_only_itself(project: pytest.Pytester) -> None:
    project.makepyfile("def test_nothing(): pass")
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pytest", "-q"],
        capture_output=True,
        text=True,
        check=True,
        cwd=project.path,
    )
    imported = set(re.findall(r"\| +(kinde_guard[\w.]*)$", ran.stderr, re.MULTILINE))
    # Not listed: what pytest imports itself, kinde_guard and kinde_guard.testing.
    assert imported == {
        "kinde_guard.testing.fixtures",
        "kinde_guard.testing.guarded",
        "kinde_guard.testing.trust",
    }
    assert not re.search(r"\| +(fastapi|httpx|cryptography|uvicorn)\b", ran.stderr)


def test_plugin_can_be_turned_off(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(local_kinde): pass")
    ran = run(project, "-p", "no:kinde_guard")
    ran.assert_outcomes(errors=1)
    ran.stdout.fnmatch_lines("*fixture 'local_kinde' not found*")


def test_pytest_lists_the_fixtures_with_their_docs(project: pytest.Pytester) -> None:
    ran = run(project, "--fixtures")
    ran.stdout.fnmatch_lines(
        [
            "local_kinde [[]session scope[]] -- *fixtures.py*",
            "    A running local Kinde, put right before every test.",
            "kinde_token [[]session scope[]] -- *fixtures.py*",
            "    Make access tokens of local Kinde:*",
        ]
    )


def test_guarded_route_is_tested_in_three_lines(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest
        from acme import app
        from fastapi.testclient import TestClient
        from kinde_guard.testing import trust

        @pytest.fixture
        def client(local_kinde):
            with trust(app, local_kinde), TestClient(app) as client:
                yield client

        def test_with_the_scope(client, kinde_token):
            headers = {"Authorization": f"Bearer {kinde_token(scopes=['read:users'])}"}
            assert client.get("/users", headers=headers).json() == ["ada"]

        @pytest.mark.parametrize(
            ("token", "status", "reason"),
            [
                (dict(), 403, "insufficient_scope"),
                (dict(scopes=["read:roles"]), 403, "insufficient_scope"),
                (dict(scopes="read:users", expires_in=-60), 401, "expired_token"),
                (dict(scopes="read:users", audience="https://b.example"), 401, "wrong_audience"),
                (dict(scopes="read:users", iss="https://acme.kinde.com"), 401, "wrong_issuer"),
            ],
        )
        def test_otherwise(client, kinde_token, token, status, reason):
            headers = {"Authorization": f"Bearer {kinde_token(**token)}"}
            answer = client.get("/users", headers=headers)
            assert (answer.status_code, answer.json()["reason"]) == (status, reason)

        def test_claims_are_chosen_or_left_out(client, kinde_token, local_kinde):
            headers = {"Authorization": f"Bearer {kinde_token(exp=local_kinde.OMIT)}"}
            assert client.get("/users", headers=headers).json()["reason"] == "invalid_claim"

        def test_without_a_token(client):
            assert client.get("/users").status_code == 401
    """)
    run(project).assert_outcomes(passed=8)


def test_token_has_the_roles_and_feature_flags_that_it_is_given(
    project: pytest.Pytester,
) -> None:
    project.makepyfile("""
        from fastapi import Depends, FastAPI
        from fastapi.testclient import TestClient
        from kinde_guard import KindeGuard, require_feature, require_roles
        from kinde_guard.testing import trust

        app = FastAPI()
        needed = [Depends(require_roles("admin")), Depends(require_feature("theme", "pink"))]
        app.get("/settings", dependencies=needed)(lambda: "settings")
        KindeGuard("acme.kinde.com", audience="https://api.acme.com").install(app)

        def test_settings(local_kinde, kinde_token):
            token = kinde_token(roles=["admin"], features={"theme": "pink"})
            with trust(app, local_kinde):
                client = TestClient(app)
                headers = {"Authorization": f"Bearer {token}"}
                assert client.get("/settings", headers=headers).json() == "settings"
                headers = {"Authorization": f"Bearer {kinde_token(roles=['admin'])}"}
                answer = client.get("/settings", headers=headers)
                assert answer.json()["reason"] == "feature_unavailable"
    """)
    run(project).assert_outcomes(passed=1)


def test_async_tests_work_as_well(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import httpx
        import pytest
        from acme import app
        from kinde_guard.testing import trust

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.fixture
        async def client(local_kinde):
            with trust(app, local_kinde):
                transport = httpx.ASGITransport(app)
                async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
                    yield client

        @pytest.mark.anyio
        @pytest.mark.parametrize("once_more", [False, True])
        async def test_users(client, kinde_token, once_more):
            headers = {"Authorization": f"Bearer {kinde_token(scopes=['read:users'])}"}
            assert (await client.get("/users", headers=headers)).status_code == 200
            assert (await client.get("/users")).status_code == 401
    """)
    run(project).assert_outcomes(passed=2)


def test_every_test_finds_local_kinde_as_good_as_new(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import time
        import httpx
        import pytest
        from kinde_guard import KindeGuard

        @pytest.fixture(scope="session")
        def issuer(local_kinde):
            return local_kinde.issuer

        @pytest.fixture(scope="session")
        def keys(local_kinde):
            return httpx.get(f"{local_kinde.issuer}/.well-known/jwks").json()

        @pytest.fixture(params=range(2))
        def good_as_new(local_kinde, issuer, keys):
            assert local_kinde.issuer == issuer
            assert httpx.get(f"{issuer}/.well-known/jwks").json() == keys
            assert abs(local_kinde.clock() - time.time()) < 1

        def test_fault(good_as_new, local_kinde):
            local_kinde.fail("status", status=500)

        def test_rotation(good_as_new, local_kinde):
            local_kinde.rotate_keys()

        def test_time(good_as_new, local_kinde):
            local_kinde.clock.freeze(0)

        def test_stop(good_as_new, local_kinde):
            local_kinde.stop()

        def test_end(good_as_new, local_kinde):
            pass
    """)
    run(project).assert_outcomes(passed=10)


def test_app_of_the_whole_session_survives_another_tests_rotation(
    project: pytest.Pytester,
) -> None:
    project.makepyfile("""
        import pytest
        from acme import app
        from fastapi.testclient import TestClient
        from kinde_guard.testing import trust

        @pytest.fixture(scope="session")
        def client(local_kinde):
            with trust(app, local_kinde), TestClient(app) as client:
                yield client

        @pytest.mark.parametrize("number", range(3))
        def test_before_and_after(client, kinde_token, local_kinde, number):
            for _ in range(2):
                headers = {"Authorization": f"Bearer {kinde_token(scopes=['read:users'])}"}
                assert client.get("/users", headers=headers).status_code == 200
                local_kinde.rotate_keys()
    """)
    run(project).assert_outcomes(passed=3)


def test_processes_side_by_side_have_a_tenant_each(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import os
        import time
        from pathlib import Path

        def test_meeting(local_kinde, kinde_token):
            here = Path(f"issuer-{os.getpid()}")
            here.write_text(local_kinde.issuer)
            deadline = time.monotonic() + 60
            while len(list(Path().glob("issuer-*"))) < 2:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            issuers = {file.read_text() for file in Path().glob("issuer-*")}
            assert len(issuers) == 2
            assert kinde_token()
    """)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    processes = [
        subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE) for _ in range(2)
    ]
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0, 0]


def test_without_uvicorn_the_fixture_says_what_to_install(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import sys
        sys.modules["uvicorn"] = None

        def test_it(local_kinde): pass
    """)
    ran = run(project)
    ran.assert_outcomes(errors=1)
    ran.stdout.fnmatch_lines(
        "*Local Kinde needs uvicorn: install kinde-guard with its extra local.*"
    )


def test_server_ends_with_the_session(project: pytest.Pytester) -> None:
    project.makepyfile("""
        from pathlib import Path

        def test_it(local_kinde):
            Path("issuer").write_text(local_kinde.issuer)
    """)
    project.makeconftest("""
        import threading

        def pytest_sessionfinish(session):
            threads = [thread.name for thread in threading.enumerate()]
            print("threads:", threads)
            assert threads == ["MainThread"]
    """)
    ran = run(project, "-s")
    ran.assert_outcomes(passed=1)
    assert ran.ret == 0
