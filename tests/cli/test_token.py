"""``kinde-guard token``: the token alone on standard output, all else one line on the other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from kinde_guard.local import Application, LocalKinde
from tests.cli.processes import run
from tests.cli.tenants import of_caller


@pytest.fixture
def back_office(kinde: LocalKinde) -> Application:
    return kinde.applications[0]


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def test_it_prints_a_token_with_all_that_was_granted_and_nothing_else(
    kinde: LocalKinde, back_office: Application
) -> None:
    asked = kinde.token_requests
    ended = run("token", **of_caller(kinde, back_office))
    assert (ended.returncode, ended.stderr, ended.stdout.count("\n")) == (0, "", 1)
    claims = claims_of(ended.stdout.strip())
    assert claims["scope"].split() == list(back_office.apis[0].scopes)
    assert claims["aud"] == [kinde.audience]
    assert kinde.token_requests == asked + 1


@pytest.mark.parametrize(
    "options",
    [("--scope", "read:users", "--scope", "read:roles"), ("--scope", "read:users read:roles")],
)
def test_scopes_that_are_named_are_all_that_it_holds(
    kinde: LocalKinde, back_office: Application, options: tuple[str, ...]
) -> None:
    ended = run("token", *options, **of_caller(kinde, back_office))
    assert claims_of(ended.stdout.strip())["scope"] == "read:users read:roles"


def test_json_says_what_the_token_is_good_for_and_until_when(
    kinde: LocalKinde, back_office: Application
) -> None:
    environ = of_caller(kinde, back_office) | {"KINDE_AUDIENCE": "https://elsewhere.example"}
    ended = run("token", "--json", "--scope", "read:users", "--audience", kinde.audience, **environ)
    assert (ended.returncode, ended.stderr) == (0, "")
    said = json.loads(ended.stdout)
    assert claims_of(said.pop("access_token"))["scope"] == "read:users"
    expires = datetime.fromisoformat(said.pop("expires_at"))
    assert abs(expires - datetime.now(UTC) - timedelta(days=1)) < timedelta(minutes=5)
    assert said == {
        "token_type": "bearer",
        "audience": [kinde.audience],
        "scopes": ["read:users"],
    }


def test_scope_that_was_not_granted_is_one_line_and_exit_code_1(
    kinde: LocalKinde,
) -> None:
    reporting = kinde.applications[1]
    ended = run("token", "--scope", "create:users", **of_caller(kinde, reporting))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("kinde-guard: Kinde refused the token request: invalid_scope")
    assert "was not granted the scope 'create:users'" in ended.stderr
    assert reporting.client_secret not in ended.stderr


def test_wrong_secret_is_one_line_that_does_not_show_it(
    kinde: LocalKinde, back_office: Application
) -> None:
    environ = of_caller(kinde, back_office) | {"KINDE_CLIENT_SECRET": "not-the-secret"}
    ended = run("token", **environ)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "invalid_client" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "not-the-secret" not in ended.stderr


def test_loopback_without_a_server_asks_whether_local_kinde_runs(
    kinde: LocalKinde, back_office: Application
) -> None:
    environ = of_caller(kinde, back_office) | {"KINDE_DOMAIN": "http://127.0.0.1:1"}
    for command in (("token",), ("scopes", "list")):
        ended = run(*command, **environ)
        assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
        assert ended.stderr.endswith("; is `kinde-guard local` running?\n")
        assert ended.stderr.startswith("kinde-guard: no token from http://127.0.0.1:1/oauth2/token")


@pytest.mark.parametrize("fault", ["status", "garbage", "redirect", "disconnect", "oversized"])
def test_token_endpoint_out_of_order_is_one_line_and_exit_code_1(
    kinde: LocalKinde, back_office: Application, fault: Any
) -> None:
    with kinde.fail(fault, endpoint="token"):
        ended = run("token", **of_caller(kinde, back_office))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("kinde-guard: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "changes", "says"),
    [
        ((), {"KINDE_DOMAIN": ""}, "KINDE_DOMAIN not set"),
        ((), {"KINDE_CLIENT_ID": " "}, "KINDE_CLIENT_ID not set"),
        ((), {"KINDE_AUDIENCE": ""}, "no API is named: give --audience AUDIENCE, or set"),
        (("--audience", ""), {}, "no API is named: give --audience AUDIENCE, or set"),
        (("--scope", ""), {}, "--scope is empty; leave it out to ask for all"),
        (("--scope", 'read:"users"'), {}, "--scope: 'read:\"users\"' is no "),
        ((), {"KINDE_DOMAIN": "http://acme.example"}, "KINDE_DOMAIN: 'http://acme.example' was"),
        (("now",), {}, "Got unexpected extra argument"),
    ],
)
def test_wrong_usage_is_one_line_exit_code_2_and_no_request(
    kinde: LocalKinde,
    back_office: Application,
    options: tuple[str, ...],
    changes: dict[str, str],
    says: str,
) -> None:
    asked = kinde.token_requests
    ended = run("token", *options, **of_caller(kinde, back_office) | changes)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"kinde-guard: {says}")
    assert ended.stderr.count("\n") == 1
    assert kinde.token_requests == asked
