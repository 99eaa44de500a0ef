"""``kinde-guard doctor``: settings, discovery, keys, clock and a token, each ok or what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kinde_guard.cli.doctor.diagnosis import Health
from kinde_guard.cli.doctor.discovery import Answer, diagnose_clock, diagnose_discovery
from kinde_guard.local import LocalKinde
from kinde_guard.vocabulary.settings import Settings
from tests.cli.inspected import CLEAN, Command, command_in, module, timeless

ISSUER = "https://acme.kinde.com"
SETTINGS = Settings(domain=ISSUER, audience="users")

SEEN = """\
ok  settings   tokens of ISSUER for https://api.demo.example
ok  discovery  ISSUER describes itself as expected
ok  keys       1 key for RS256 at ISSUER/.well-known/jwks
ok  clock      within 1 s of the server's
ok  token      granted and let in; scopes: read:roles, read:users

All is well."""


@pytest.fixture
def command(
    kinde: LocalKinde,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    run = command_in(tmp_path, monkeypatch, capsys)
    reporting = kinde.applications[1]
    monkeypatch.setenv("KINDE_DOMAIN", kinde.issuer)
    monkeypatch.setenv("KINDE_AUDIENCE", kinde.audience)
    monkeypatch.setenv("KINDE_CLIENT_ID", reporting.client_id)
    monkeypatch.setenv("KINDE_CLIENT_SECRET", reporting.client_secret)
    return run


def examined(command: Command, **environ: str) -> tuple[int, dict[str, tuple[str, str, str]]]:
    code, out, _ = command("doctor", "--json", **environ)
    told = json.loads(out)
    assert told["healthy"] is (code == 0)
    return code, {
        one["name"]: (one["health"], one["says"], one["remedy"]) for one in told["examinations"]
    }


def test_report_is_as_it_was_seen_at_80_columns(command: Command, kinde: LocalKinde) -> None:
    before = kinde.token_requests
    code, out, err = command("doctor")
    assert (code, timeless(out, kinde.issuer), err) == (0, SEEN, "")
    assert kinde.token_requests - before == 1


def test_guard_of_an_application_is_examined(
    command: Command, kinde: LocalKinde, tmp_path: Path
) -> None:
    address = module("clean", CLEAN, tmp_path, issuer=kinde.issuer)
    assert command("doctor", "--app", address, KINDE_DOMAIN="other.kinde.com")[0] == 0


def test_without_credentials_the_token_is_skipped_with_a_reason(command: Command) -> None:
    code, found = examined(command, KINDE_CLIENT_SECRET="")
    assert (code, found["token"]) == (
        0,
        ("skipped", "no test token: KINDE_CLIENT_SECRET not set", ""),
    )


def test_key_set_that_fails_is_a_finding_and_no_token_is_asked_for(
    command: Command, kinde: LocalKinde
) -> None:
    before = kinde.token_requests
    with kinde.fail("status"):
        code, found = examined(command)
    assert (code, found["keys"]) == (
        1,
        (
            "failed",
            f"{kinde.issuer}/.well-known/jwks: the status is 500",
            "until it answers, requests with new tokens are answered with 503",
        ),
    )
    assert found["token"][0] == "skipped"
    assert kinde.token_requests == before


def test_wrong_secret_is_a_finding_that_says_what_to_do(command: Command) -> None:
    code, found = examined(command, KINDE_CLIENT_SECRET="wrong")
    assert (code, found["token"][0]) == (1, "failed")
    assert "invalid_client" in found["token"][1]


def test_tenant_that_does_not_answer_is_a_finding(command: Command) -> None:
    code, found = examined(command, KINDE_DOMAIN="http://127.0.0.1:1")
    assert code == 1
    assert {name: health for name, (health, _, _) in found.items()} == {
        "settings": "ok",
        "discovery": "failed",
        "keys": "failed",
        "clock": "skipped",
        "token": "skipped",
    }


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"KINDE_AUDIENCE": ""}, "set the environment variable KINDE_AUDIENCE"),
        ({"KINDE_DOMAIN": "http://acme.kinde.com"}, "domain: 'http://acme.kinde.com' was given"),
    ],
)
def test_settings_that_make_no_sense_are_one_line_and_exit_code_2(
    environ: dict[str, str], says: str, command: Command
) -> None:
    code, out, err = command("doctor", **environ)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"kinde-guard: {says}")


@pytest.mark.parametrize(
    ("skew", "health", "says"),
    [
        (0.4, Health.OK, "within 1 s of the server's"),
        (-4.9, Health.OK, "within 5 s of the server's"),
        (90, Health.ILL, "90 s ahead of the server's; the guard allows 5 s (leeway)"),
        (-90, Health.ILL, "90 s behind the server's; the guard allows 5 s (leeway)"),
        (None, Health.SKIPPED, "the server told no time to compare with"),
    ],
)
def test_clock_is_compared_with_the_servers(skew: float | None, health: Health, says: str) -> None:
    found = diagnose_clock(SETTINGS, Answer({}, skew=skew))
    assert (found.health, found.says) == (health, says)


def test_issuer_of_another_name_is_a_finding() -> None:
    found = diagnose_discovery(ISSUER, SETTINGS, Answer({"issuer": "https://id.acme.com"}))
    assert (found.health, found.says) == (
        Health.ILL,
        "https://acme.kinde.com calls itself https://id.acme.com",
    )


def test_keys_that_lie_elsewhere_are_a_finding() -> None:
    document = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"}
    found = diagnose_discovery(ISSUER, SETTINGS, Answer(document))
    assert (found.health, found.remedy) == (Health.ILL, "set jwks_url")
