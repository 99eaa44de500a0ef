"""``kinde-guard demo`` without a tenant: the tour, its report, and what comes after it."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from kinde_guard.cli.demo.command import run_demo
from kinde_guard.cli.demo.example import users_api
from kinde_guard.cli.demo.local_stage import API_PORT, KINDE_PORT
from kinde_guard.cli.demo.scenarios import SECTIONS, Expected
from tests.cli.processes import COMMAND, environment, run, serving

PLAIN = 'Bearer realm="api"'


def invalid(description: str) -> str:
    return f'{PLAIN}, error="invalid_token", error_description="{description}"'


LACKS_CREATE = (
    f'{PLAIN}, error="insufficient_scope", '
    'error_description="The access token lacks a scope that this request needs.", '
    'scope="create:users"'
)
WRONG_SIGNATURE = invalid("The access token's signature is wrong.")

ANSWERS: dict[str, tuple[str, int, str | None, str | None]] = {
    "public": ("GET /health", 200, None, None),
    "no_token": ("GET /users", 401, "missing_token", PLAIN),
    "ask_all": ("POST /oauth2/token", 200, None, None),
    "all_write": ("POST /users", 201, None, None),
    "all_read": ("GET /users", 200, None, None),
    "ask_subset": ("POST /oauth2/token", 200, None, None),
    "subset_read": ("GET /users", 200, None, None),
    "subset_write": ("POST /users", 403, "insufficient_scope", LACKS_CREATE),
    "ask_not_granted": ("POST /oauth2/token", 400, "invalid_scope", None),
    "expired": ("GET /users", 401, "expired_token", invalid("The access token has expired.")),
    "forged": ("GET /users", 401, "invalid_signature", WRONG_SIGNATURE),
    "edited": ("POST /users", 401, "invalid_signature", WRONG_SIGNATURE),
    "audience": (
        "GET /users",
        401,
        "wrong_audience",
        invalid("The access token is meant for another audience."),
    ),
    "malformed": ("GET /users", 401, "malformed_token", invalid("The access token is malformed.")),
    "websocket_no_token": ("WS /users/feed", 401, "missing_token", PLAIN),
    "websocket": ("WS /users/feed", 101, None, None),
    "keys_down_cold": ("GET /users", 503, "keys_unavailable", None),
    "keys_down_ready": ("GET /ready", 503, None, None),
    "keys_back": ("GET /users", 200, None, None),
    "keys_down_warm": ("GET /users", 200, None, None),
    "new_key": ("GET /users", 200, None, None),
    "old_key": (
        "GET /users",
        401,
        "unknown_key",
        invalid("The access token is signed with an unknown key."),
    ),
}


# The report


@pytest.fixture(scope="module")
def as_json() -> dict[str, Any]:
    ended = run("demo", "--once", "--json")
    assert (ended.returncode, ended.stderr, ended.stdout.count("\n")) == (0, "", 1)
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


@pytest.fixture(scope="module")
def as_table() -> str:
    ended = run("demo", "--once")
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_json_says_where_and_whether_all_was_as_expected(as_json: dict[str, Any]) -> None:
    assert list(as_json) == ["issuer", "api", "docs", "as_expected", "answers"]
    assert as_json["issuer"].startswith("http://127.0.0.1:")
    assert as_json["docs"] == f"{as_json['api']}/docs"
    assert as_json["as_expected"] is True


def test_json_has_every_answer_in_order(as_json: dict[str, Any]) -> None:
    got = {
        line["name"]: (line["request"], line["status"], line["reason"], line["challenge"])
        for line in as_json["answers"]
    }
    assert got == ANSWERS
    assert list(got) == list(ANSWERS)


def test_only_the_503_of_the_guard_says_when_to_come_back(as_json: dict[str, Any]) -> None:
    told = {line["name"]: line["retry_after"] for line in as_json["answers"]}
    assert {name: after for name, after in told.items() if after is not None} == {
        "keys_down_cold": "1"
    }


def test_json_holds_no_token(as_json: dict[str, Any]) -> None:
    assert "eyJ" not in json.dumps(as_json)


def test_json_line_says_what_was_done_and_expected(as_json: dict[str, Any]) -> None:
    (line,) = [line for line in as_json["answers"] if line["name"] == "subset_write"]
    assert line == {
        "name": "subset_write",
        "section": "Scopes",
        "request": "POST /users",
        "token": "read:users only",
        "event": None,
        "skipped": None,
        "status": 403,
        "reason": "insufficient_scope",
        "challenge": LACKS_CREATE,
        "retry_after": None,
        "expected": {
            "status": 403,
            "reason": "insufficient_scope",
            "challenge": {"realm": "api", "error": "insufficient_scope", "scope": "create:users"},
            "retry_after": False,
        },
        "as_expected": True,
        "why": "A good token that may not write: see what it lacks.",
    }


def test_table_shows_request_answer_challenge_and_why(as_table: str) -> None:
    assert re.search(
        r"^POST /users +403 +insufficient_scope +A good token that may not *\n"
        r'^  read:users only +scope="create:users" write: see what it lacks\. *$',
        as_table,
        re.MULTILINE,
    )
    assert f"\n{len(ANSWERS)} answers, all as expected.\n" in as_table
    assert 'WWW-Authenticate: Bearer realm="api",\n    error="insufficient_scope",' in as_table


def test_table_fits_80_columns(as_table: str) -> None:
    assert max(map(len, as_table.splitlines())) <= 80


def test_output_that_is_no_terminal_has_no_colour(as_table: str) -> None:
    assert "\x1b" not in as_table


def test_terminal_gets_colour() -> None:
    shown = run_on_terminal("demo", "--once")
    assert "\x1b[32m200" in shown
    assert "calling the API" in shown


def run_on_terminal(*arguments: str) -> str:
    """Run a command with both outputs on a pseudo-terminal, and return what it shows there."""
    ours, theirs = pty.openpty()
    environ = environment(TERM="xterm")
    environ.pop("NO_COLOR", None)
    with subprocess.Popen([*COMMAND, *arguments], env=environ, stdout=theirs, stderr=theirs) as it:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65_536):
                shown += chunk
        except OSError:
            pass  # the way in which Linux says that the other end was closed
        finally:
            os.close(ours)
        assert it.wait(timeout=20) == 0
    return shown.decode()


# Where something is amiss


@pytest.mark.parametrize(
    "wrong",
    [
        Expected(201),
        Expected(200, "missing_token"),
        Expected(200, challenge={"realm": "api"}),
        Expected(200, retry_after=True),
    ],
)
def test_unexpected_answer_is_shown_and_ends_in_1(
    wrong: Expected, capsys: pytest.CaptureFixture[str]
) -> None:
    health = replace(SECTIONS["No token"][0], expected=wrong)
    sections = {"No token": (health,)}
    assert run_demo(once=True, as_json=False, environ={}, sections=sections) == 1
    shown = capsys.readouterr().out
    assert f"UNEXPECTED. Due was {wrong.status}" in shown
    assert "1 answers, 1 of them not as expected." in shown


def test_unexpected_answer_is_in_the_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    health, no_token = SECTIONS["No token"]
    sections = {"No token": (replace(health, expected=Expected(404)), no_token)}
    assert run_demo(once=True, as_json=True, environ={}, sections=sections) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["as_expected"] is False
    assert [line["as_expected"] for line in report["answers"]] == [False, True]


def test_taken_ports_are_replaced_by_free_ones(capsys: pytest.CaptureFixture[str]) -> None:
    sections = {"No token": SECTIONS["No token"]}
    with ExitStack() as taken:
        for port in (API_PORT, KINDE_PORT):
            with suppress(OSError):  # somebody else has taken it, which does as well
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
        assert run_demo(once=True, as_json=True, environ={}, sections=sections) == 0
    report = json.loads(capsys.readouterr().out)
    assert not report["api"].endswith(f":{API_PORT}")
    assert not report["issuer"].endswith(f":{KINDE_PORT}")


def test_database_of_the_environment_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database = tmp_path / "precious.db"
    monkeypatch.setenv("DATABASE", str(database))
    sections = {"No token": SECTIONS["No token"]}
    assert run_demo(once=True, as_json=True, environ={}, sections=sections) == 0
    assert not database.exists()


def test_api_of_the_demo_is_the_example() -> None:
    example = Path(__file__).parents[2] / "examples" / "users_api.py"
    assert Path(str(sys.modules[users_api().create_app.__module__].__file__)).samefile(example)


# After the tour


@pytest.mark.skipif(shutil.which("curl") is None, reason="the commands that are shown need curl")
def test_it_goes_on_serving_and_what_it_says_to_type_works() -> None:
    with serving("demo") as command:
        command.wait_for("Get a token and call")
        command.wait_for("Guard your own app")
        typed = "".join(command.said[command.said.index("Get a token and call\n") + 1 : -1])
        command.wait_for("Serving. Ctrl-C ends.")
        answer = subprocess.run(
            ["bash", "-c", typed], capture_output=True, text=True, timeout=30, check=True
        )
        docs = re.search(r"http://\S+/docs", "".join(command.said))
        assert docs is not None
        assert httpx.get(docs[0]).status_code == 200
        code, errors = command.end_with(signal.SIGINT)
    assert answer.stdout.startswith("HTTP/1.1 200 OK")
    assert '"email":"ada@example.com"' in answer.stdout
    assert (code, errors) == (0, "")
    with pytest.raises(httpx.ConnectError):
        httpx.get(docs[0])


def test_json_is_printed_before_it_goes_on_serving() -> None:
    with serving("demo", "--json") as command:
        report = json.loads(command.wait_for("{"))
        assert httpx.get(report["docs"]).status_code == 200
        assert command.end_with(signal.SIGTERM) == (0, "")
