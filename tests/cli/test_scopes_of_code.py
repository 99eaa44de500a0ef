"""``kinde-guard scopes diff|apply``: what the code asks for against what the API has in Kinde."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Iterator

import pytest
from fastapi import Depends, FastAPI

from kinde_guard import require_scopes
from kinde_guard.cli.scopes.required_scopes import MAX_DESCRIPTION, RequiredScope, required_scopes
from kinde_guard.local import LocalKinde
from tests.cli import guarded_example
from tests.cli.in_process import Command, Ended, command
from tests.cli.processes import COMMAND, environment
from tests.cli.tenants import of_manager

APP = "tests.cli.guarded_example:app"
ADDED = {
    "read:reports": "Show the year's report. It is long",
    "admin": "Show the year's report. It is long",
    "watch:users": "",
}
UNUSED = ["update:users", "delete:users", "read:roles", "update:roles"]


@pytest.fixture
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(monkeypatch, capsys)


def in_kinde(kinde: LocalKinde) -> dict[str, str]:
    (api,) = [one for one in kinde.store.apis() if one.audience == kinde.audience]
    return {scope.key: scope.description for scope in api.scopes}


def one_line(ended: Ended, code: int) -> str:
    assert (ended.code, ended.out, ended.err.count("\n")) == (code, "", 1)
    return ended.err.removeprefix("kinde-guard: ").rstrip("\n")


# The code


def test_scopes_of_routers_mounts_and_websockets_are_found_with_their_routes() -> None:
    assert required_scopes(guarded_example.app) == [
        RequiredScope("read:users", "List users; Add a user", ("GET /users", "POST /users")),
        RequiredScope("create:users", "Add a user", ("POST /users",)),
        RequiredScope("read:reports", ADDED["read:reports"], ("GET /reports/yearly",)),
        RequiredScope("admin", ADDED["admin"], ("GET /reports/yearly",)),
        RequiredScope("watch:users", "", ("WS /feed",)),
        RequiredScope("openid", "", ("GET /me",)),
    ]


def test_description_of_a_scope_of_many_routes_is_cut_between_summaries() -> None:
    app = FastAPI()
    for number in range(40):
        app.get(
            f"/{number}", summary=f"Summary {number}", dependencies=[Depends(require_scopes("a"))]
        )(lambda: None)
    (required,) = required_scopes(app)
    assert len(required.description) <= MAX_DESCRIPTION
    assert required.description.startswith("Summary 0; Summary 1; ")
    assert required.description.split("; ")[-1] == "Summary 16"
    assert len(required.routes) == 40


# diff


def test_diff_shows_what_is_missing_and_unused_and_ends_in_1(
    kinde: LocalKinde, cli: Command
) -> None:
    before = in_kinde(kinde)
    ended = cli("scopes", "diff", APP, **of_manager(kinde))
    assert (ended.code, ended.err) == (1, "")
    assert [line.rstrip() for line in ended.out.splitlines()] == [
        "Users API https://api.demo.example: 2 scopes both in code and in Kinde",
        "Scope         Is       Description, routes",
        "─────────────────────────────────────────────────────────",
        "read:reports  missing  Show the year's report. It is long",
        "                       GET /reports/yearly",
        "admin         missing  Show the year's report. It is long",
        "                       GET /reports/yearly",
        "watch:users   missing  WS /feed",
        "update:users  unused   Change users",
        "                       no route asks for it",
        "delete:users  unused   Remove users",
        "                       no route asks for it",
        "read:roles    unused   See roles",
        "                       no route asks for it",
        "update:roles  unused   Change roles",
        "                       no route asks for it",
        "Of sign-in, and of no API: openid",
    ]
    assert in_kinde(kinde) == before


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_tables_fit_the_terminal(kinde: LocalKinde, cli: Command, columns: int) -> None:
    shown = cli("scopes", "diff", APP, **of_manager(kinde), COLUMNS=str(columns)).out
    assert max(map(len, shown.splitlines())) <= columns


def test_diff_as_json(kinde: LocalKinde, cli: Command) -> None:
    ended = cli("scopes", "diff", APP, "--json", **of_manager(kinde))
    assert (ended.code, ended.err, ended.out.count("\n")) == (1, "", 1)
    said = json.loads(ended.out)
    assert said["missing"][2] == {
        "scope": "watch:users",
        "description": "",
        "routes": ["WS /feed"],
    }
    assert [one["scope"] for one in said["missing"]] == list(ADDED)
    assert [one["scope"] for one in said["unused"]] == UNUSED
    assert said["in_both"] == ["read:users", "create:users"]
    assert said["of_sign_in"] == ["openid"]
    assert said["api"] == {"name": "Users API", "audience": kinde.audience}


UNUSED_ONLY = "tests.cli.guarded_example:reads_users"


def test_diff_that_finds_unused_scopes_alone_ends_in_0(kinde: LocalKinde, cli: Command) -> None:
    ended = cli("scopes", "diff", UNUSED_ONLY, **of_manager(kinde))
    assert (ended.code, ended.err) == (0, "")
    assert "create:users  unused" in ended.out


def test_diff_of_missing_scopes_only_leaves_the_unused_out(kinde: LocalKinde, cli: Command) -> None:
    ended = cli("scopes", "diff", APP, "--missing-only", **of_manager(kinde))
    assert (ended.code, ended.err) == (1, "")
    assert "watch:users   missing" in ended.out
    assert "unused" not in ended.out
    ended = cli("scopes", "diff", UNUSED_ONLY, "--missing-only", **of_manager(kinde))
    assert (ended.code, ended.err, ended.out) == (
        0,
        "",
        "Users API https://api.demo.example: 1 scope both in code and in Kinde\n"
        "Kinde has every scope that the code requires.\n",
    )


def test_diff_of_missing_scopes_only_as_json_has_no_unused(kinde: LocalKinde, cli: Command) -> None:
    ended = cli("scopes", "diff", APP, "--missing-only", "--json", **of_manager(kinde))
    said = json.loads(ended.out)
    assert (ended.code, [one["scope"] for one in said["missing"]]) == (1, list(ADDED))
    assert said["unused"] == []


def test_diff_without_a_scope_in_common_has_a_sentence_of_its_own(
    kinde: LocalKinde, cli: Command
) -> None:
    address = "tests.cli.guarded_example:no_scopes"
    ended = cli("scopes", "diff", address, **of_manager(kinde))
    assert ended.out.startswith(
        "Users API https://api.demo.example: code and Kinde have no scope in common\n"
    )


# apply


def test_apply_adds_what_is_missing_with_descriptions_and_keeps_the_rest(
    kinde: LocalKinde, cli: Command
) -> None:
    before = in_kinde(kinde)
    ended = cli("scopes", "apply", APP, "--yes", **of_manager(kinde))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-3:] == [f"added {key}" for key in ADDED]
    assert in_kinde(kinde) == before | ADDED
    again = cli("scopes", "apply", APP, **of_manager(kinde))
    assert (again.code, again.err) == (0, "")
    assert "added" not in again.out
    assert in_kinde(kinde) == before | ADDED


def test_apply_with_prune_removes_what_is_unused_after_adding(
    kinde: LocalKinde, cli: Command
) -> None:
    ended = cli("scopes", "apply", APP, "--yes", "--prune", "--json", **of_manager(kinde))
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["done"] == [
        *({"action": "add", "name": key} for key in ADDED),
        *({"action": "remove", "name": key} for key in UNUSED),
    ]
    assert set(in_kinde(kinde)) == {"read:users", "create:users", *ADDED}
    even = cli("scopes", "diff", APP, **of_manager(kinde))
    assert (even.code, even.err) == (0, "")
    assert even.out.endswith("Code and Kinde agree.\n")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((APP,), 2, "there is no terminal to ask at: give --yes to make the changes"),
        ((APP, "--json"), 2, "--json does not ask before it changes anything: give --yes too"),
        (
            ("tests.cli.guarded_example:no_scopes", "--yes", "--prune"),
            1,
            "tests.cli.guarded_example:no_scopes asks for no scope at all: --prune would remove"
            " every one",
        ),
        (
            ("tests.cli.guarded_example:long_scope", "--yes"),
            1,
            f"{'x' * 65}: Kinde's scopes have at most 64 characters, this one has 65; it is asked"
            " for by GET /long",
        ),
        (
            (APP, "--yes", "--api", "Kinde Management API"),
            1,
            "Kinde Management API is Kinde's own: its scopes cannot be changed",
        ),
    ],
)
def test_what_apply_refuses_changes_nothing(
    kinde: LocalKinde, cli: Command, arguments: tuple[str, ...], code: int, says: str
) -> None:
    before = in_kinde(kinde)
    ended = cli("scopes", "apply", *arguments, **of_manager(kinde))
    assert (ended.code, ended.err) == (code, f"kinde-guard: {says}\n")
    assert in_kinde(kinde) == before


@pytest.mark.parametrize("address", ["tests.cli.nowhere:app", "tests.cli.guarded_example:nothing"])
def test_application_that_is_not_there_is_wrong_usage_before_any_request(
    kinde: LocalKinde, cli: Command, address: str
) -> None:
    before = kinde.token_requests
    assert address in one_line(cli("scopes", "diff", address, **of_manager(kinde)), 2)
    assert kinde.token_requests == before


# At a terminal


@pytest.mark.parametrize(
    ("answer", "code", "changes"), [(b"y\n", 0, True), (b"\n", 1, False), (b"\x04", 1, False)]
)
def test_at_a_terminal_it_shows_the_plan_in_colour_and_asks(
    kinde: LocalKinde, answer: bytes, code: int, changes: bool
) -> None:
    ours, theirs = pty.openpty()
    environ = environment(TERM="xterm", **of_manager(kinde))
    environ.pop("NO_COLOR", None)
    arguments = ("scopes", "apply", APP)
    with subprocess.Popen(
        [*COMMAND, *arguments], env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = _until(ours, b"[y/N] ")
        os.write(ours, answer)
        shown += _until(ours, None)
        os.close(ours)
        assert process.wait(timeout=20) == code
    assert b"Make 3 changes to Users API? [y/N] " in shown
    assert b"\x1b[32madded" in shown
    assert (b"nothing was changed" in shown) is not changes
    assert ("admin" in in_kinde(kinde)) is changes


def test_standard_input_that_is_closed_is_one_line(kinde: LocalKinde) -> None:
    ended = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "scopes", "apply", APP],
        env=environment(**of_manager(kinde)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (
        2,
        "kinde-guard: there is no terminal to ask at: give --yes to make the changes\n",
    )


def _until(terminal: int, text: bytes | None) -> bytes:
    """Return what is shown up to ``text``, or up to the end."""
    shown = b""
    while text is None or text not in shown:
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:
            break  # the way in which Linux says that the other end was closed
        if not chunk:
            break
        shown += chunk
    return shown
