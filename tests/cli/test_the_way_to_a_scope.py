"""From a refusal to an answer, with nothing but the installed command: what the README tells."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kinde_guard import KindeGuard
from kinde_guard.cli.demo.example import IN_MEMORY, users_api
from kinde_guard.cli.serving import served
from kinde_guard.local import LocalKinde
from tests.cli.processes import environment
from tests.cli.tenants import of_caller, of_manager

COMMAND = Path(sys.executable).with_name("kinde-guard")
EXAMPLES = Path(__file__).parents[2] / "examples"
ADA = {"name": "Ada Byron", "email": "byron@example.com"}


@pytest.fixture
def api(kinde: LocalKinde) -> Iterator[str]:
    """The example API, which trusts local Kinde."""
    example = users_api()
    guard = KindeGuard(kinde.issuer, audience=kinde.audience, public_paths=example.PUBLIC_PATHS)
    with served(example.create_app(guard, IN_MEMORY)) as url:
        yield url


def kinde_guard(environ: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """Run the installed command."""
    ended = subprocess.run(
        [COMMAND, *arguments],
        env=environ,
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


def add_user(api: str, token: str) -> httpx.Response:
    return httpx.post(
        f"{api}/users", json=ADA, headers={"Authorization": f"Bearer {token.strip()}"}
    )


@pytest.mark.skipif(not COMMAND.exists(), reason="the package is not installed with its command")
def test_refused_explained_granted_and_served(kinde: LocalKinde, api: str) -> None:
    reporting = kinde.applications[1]
    environ = environment(**of_caller(kinde, reporting), **_managing(kinde))

    code, token, _ = kinde_guard(environ, "token", "--scope", "read:users")
    assert code == 0
    refused = add_user(api, token)
    assert (refused.status_code, refused.json()["required_scopes"]) == (403, ["create:users"])

    code, said, errors = kinde_guard(
        environ,
        "explain",
        token.strip(),
        "--app",
        "users_api:create_app",
        "--request",
        "POST /users",
    )
    assert (code, errors) == (1, "")
    assert "missing: create:users" in said

    code, _, errors = kinde_guard(environ, "token", "--scope", "create:users")
    assert code == 1
    assert "was not granted the scope 'create:users'" in errors

    code, said, errors = kinde_guard(environ, "scopes", "grant", "Reporting", "create:users")
    assert (code, errors) == (0, "")
    assert said.startswith("granted create:users\n")

    code, token, _ = kinde_guard(environ, "token", "--scope", "create:users")
    assert code == 0
    answered = add_user(api, token)
    assert (answered.status_code, answered.json()["name"]) == (201, ADA["name"])


def _managing(kinde: LocalKinde) -> dict[str, str]:
    managing = of_manager(kinde)
    return {name: value for name, value in managing.items() if "MANAGEMENT" in name}
