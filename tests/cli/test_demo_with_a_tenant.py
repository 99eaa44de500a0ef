"""``kinde-guard demo --tenant``: that tenant is used, asked no more than needed.

Local Kinde stands in for the real tenant, at the end of the same wire.
"""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import pytest

from kinde_guard.local import Application, LocalKinde
from tests.cli.processes import run, serving

LOCAL_ONLY = {
    "ask_not_granted": "needs a second application",
    "expired": "needs a token that only local Kinde makes",
    "forged": "needs a token that only local Kinde makes",
    "audience": "needs a token that only local Kinde makes",
    "keys_down_cold": "needs local Kinde's faults",
    "keys_down_ready": "needs local Kinde's faults",
    "keys_back": "needs local Kinde's faults",
    "keys_down_warm": "needs local Kinde's faults",
    "new_key": "needs local Kinde's faults",
    "old_key": "needs a token that only local Kinde makes",
}


def environment_of(kinde: LocalKinde, application: Application, **changes: str) -> dict[str, str]:
    return {
        "KINDE_DOMAIN": kinde.issuer,
        "KINDE_CLIENT_ID": application.client_id,
        "KINDE_CLIENT_SECRET": application.client_secret,
        "KINDE_AUDIENCE": kinde.audience,
    } | changes


def report_for(kinde: LocalKinde, application: Application) -> dict[str, Any]:
    ended = run("demo", "--tenant", "--once", "--json", **environment_of(kinde, application))
    assert (ended.returncode, ended.stderr) == (0, "")
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def test_what_needs_local_kinde_is_skipped_and_says_so(kinde: LocalKinde) -> None:
    report = report_for(kinde, kinde.applications[0])
    assert report["issuer"] == kinde.issuer
    skipped = {line["name"]: line["skipped"] for line in report["answers"] if line["skipped"]}
    assert skipped == LOCAL_ONLY
    played = {line["name"]: line["status"] for line in report["answers"] if not line["skipped"]}
    assert played == {
        "public": 200,
        "no_token": 401,
        "ask_all": 200,
        "all_write": 201,
        "all_read": 200,
        "ask_subset": 200,
        "subset_read": 200,
        "subset_write": 403,
        "edited": 401,
        "malformed": 401,
        "websocket_no_token": 401,
        "websocket": 101,
    }


def test_tokens_are_asked_for_once_each_since_they_are_billed(kinde: LocalKinde) -> None:
    before = kinde.token_requests
    report_for(kinde, kinde.applications[0])
    assert kinde.token_requests - before == 2


def test_application_that_may_not_write_is_expected_to_be_refused(kinde: LocalKinde) -> None:
    report = report_for(kinde, kinde.applications[1])
    (line,) = [line for line in report["answers"] if line["name"] == "all_write"]
    assert (line["status"], line["as_expected"]) == (403, True)
    assert line["why"] == "This application was not granted create:users."


def test_application_without_the_example_scopes_skips_the_subset(kinde: LocalKinde) -> None:
    stranger = kinde.store.add_application("Stranger")
    api = kinde.store.add_api("Other API", "https://other.example")
    kinde.store.authorise(stranger.client_id, api)
    environ = environment_of(kinde, stranger, KINDE_AUDIENCE="https://other.example")
    ended = run("demo", "--tenant", "--once", "--json", **environ)
    answers = {line["name"]: line for line in json.loads(ended.stdout)["answers"]}
    assert ended.returncode == 0
    assert (answers["all_read"]["status"], answers["all_read"]["reason"]) == (
        403,
        "insufficient_scope",
    )
    assert answers["subset_read"]["skipped"] == "the application is not granted read:users"


def test_table_says_how_many_were_skipped(kinde: LocalKinde) -> None:
    ended = run("demo", "--tenant", "--once", **environment_of(kinde, kinde.applications[0]))
    assert "\n12 answers, all as expected; 10 skipped.\n" in ended.stdout


@pytest.mark.parametrize("missing", ["KINDE_CLIENT_ID", "KINDE_CLIENT_SECRET", "KINDE_AUDIENCE"])
def test_missing_variable_is_one_line_and_exit_code_2(kinde: LocalKinde, missing: str) -> None:
    environ = environment_of(kinde, kinde.applications[0]) | {missing: " "}
    ended = run("demo", "--tenant", "--once", **environ)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"kinde-guard: --tenant needs {missing}: set all of KINDE_DOMAIN, KINDE_CLIENT_ID,"
        " KINDE_CLIENT_SECRET, KINDE_AUDIENCE, or leave --tenant out to use local Kinde\n"
    )


def test_domain_that_makes_no_sense_is_one_line_and_exit_code_2(kinde: LocalKinde) -> None:
    environ = environment_of(kinde, kinde.applications[0], KINDE_DOMAIN="http://acme.example")
    ended = run("demo", "--tenant", "--once", **environ)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("kinde-guard: domain: 'http://acme.example' was given")
    assert ended.stderr.count("\n") == 1


def test_tenant_out_of_reach_is_one_line_and_exit_code_1(kinde: LocalKinde) -> None:
    application = kinde.applications[0]
    with LocalKinde() as gone:
        issuer = gone.issuer
    ended = run(
        "demo", "--tenant", "--once", **environment_of(kinde, application, KINDE_DOMAIN=issuer)
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"kinde-guard: no key set at {issuer}/.well-known/jwks; is KINDE_DOMAIN right?\n"
    )


def test_refused_credentials_are_one_line_without_the_secret(kinde: LocalKinde) -> None:
    application = kinde.applications[0]
    environ = environment_of(kinde, application, KINDE_CLIENT_SECRET="not-the-secret")
    ended = run("demo", "--tenant", "--once", **environ)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(
        f"kinde-guard: {kinde.issuer}/oauth2/token gives no token: 401, invalid_client ("
    )
    assert ended.stderr.count("\n") == 1
    assert "not-the-secret" not in ended.stderr


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("garbage", "gives no token: 200, no error code (no description)"),
        ("status", "gives no token: 500, server_error (Local Kinde was told to fail.)"),
        ("disconnect", "no answer from"),
    ],
)
def test_token_endpoint_out_of_order_is_one_line_and_exit_code_1(
    kinde: LocalKinde, fault: Any, says: str
) -> None:
    with kinde.fail(fault, endpoint="token"):
        ended = run("demo", "--tenant", "--once", **environment_of(kinde, kinde.applications[0]))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert says in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_token_that_the_guard_refuses_is_one_line_and_exit_code_1() -> None:
    with LocalKinde(clock=lambda: 1_000_000_000) as kinde:
        ended = run("demo", "--tenant", "--once", **environment_of(kinde, kinde.applications[0]))
        issuer = kinde.issuer
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"kinde-guard: the token that {issuer}/oauth2/token gives is refused: expired_token\n"
    )


def test_interrupt_while_the_tenant_is_slow_ends_cleanly(kinde: LocalKinde) -> None:
    before = kinde.token_requests
    with (
        kinde.fail("slow", endpoint="token", seconds=30),
        serving("demo", "--tenant", **environment_of(kinde, kinde.applications[0])) as command,
    ):
        while kinde.token_requests == before:
            time.sleep(0.02)
        assert command.end_with(signal.SIGINT) == (130, "")


def test_without_the_option_the_tenant_of_the_environment_is_asked_nothing(
    kinde: LocalKinde,
) -> None:
    before = kinde.token_requests, kinde.jwks_requests
    ended = run("demo", "--once", "--json", **environment_of(kinde, kinde.applications[0]))
    assert (ended.returncode, ended.stderr) == (0, "")
    report = json.loads(ended.stdout)
    assert report["issuer"] != kinde.issuer
    assert not [line for line in report["answers"] if line["skipped"]]
    assert (kinde.token_requests, kinde.jwks_requests) == before
