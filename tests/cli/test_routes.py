"""``kinde-guard routes``: every route with what it needs, and what looks wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.inspected import CLEAN, FAULTY, Command, command_in, module

FINDINGS = {
    ("no_scope", "GET /health"),
    ("no_scope", "GET /sub/deep/x"),
    ("no_scope", "POST /sub/deep/x"),
    ("misspelt_scope", "read:user"),
    ("public_unmatched", "/helth"),
    ("public_shadows", "/users/public"),
}


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    return command_in(tmp_path, monkeypatch, capsys)


def test_json_has_every_operation_with_what_it_needs(command: Command, tmp_path: Path) -> None:
    code, out, _ = command("routes", module("clean", CLEAN, tmp_path), "--format", "json")
    told = json.loads(out)
    assert (code, told["findings"]) == (0, [])
    needs = {
        f"{one['method']} {one['path']}": "public" if one["public"] else one["scopes"]
        for one in told["operations"]
        if one["kind"] != "documentation"
    }
    assert needs == {
        "GET /health": "public",
        "GET /users": ["read:users"],
        "GET /users/{name}": ["read:users", "admin"],
        "GET /orgs/{org_code}/bills": [],
        "WS /feed": ["read:users"],
        "GET /roles": ["read:roles"],
        "WS /roles/feed": ["read:roles"],
        "GET /static/{path}": "public",
        "GET /sub/deep/plain": ["plain:read"],
    }


def test_table_is_as_it_was_seen_at_80_columns(command: Command, tmp_path: Path) -> None:
    code, out, err = command("routes", module("clean", CLEAN, tmp_path))
    assert (code, err) == (0, "a module that prints\n")
    assert [line.rstrip() for line in out.splitlines()] == SEEN.splitlines()


SEEN = """\
Method   Path                     Needs                       What
────────────────────────────────────────────────────────────────────────────────
GET      /openapi.json            public                      documentation
GET      /docs                    public                      documentation
GET      /docs/oauth2-redirect    public                      documentation
GET      /health                  public                      Say that it lives.
GET      /users                   read:users                  List users.
GET      /users/{name}            read:users or admin
GET      /orgs/{org_code}/bills   organization {org_code};
                                  permissions read:bills
WS       /feed                    read:users
GET      /roles                   read:roles
WS       /roles/feed              read:roles
GET      /static/{path}           public                      static files
GET      /sub/deep/plain          plain:read

12 operations: 7 ask for scopes, 5 public; nothing to find fault with.
"""


def test_markdown_is_a_table_too(command: Command, tmp_path: Path) -> None:
    code, out, _ = command("routes", module("clean", CLEAN, tmp_path), "--format", "markdown")
    assert (code, out.splitlines()[:2]) == (
        0,
        ["| Method | Path | Needs | What |", "|---|---|---|---|"],
    )
    assert "| GET | `/users` | read:users | List users. |" in out.splitlines()


def test_nothing_wrong_is_exit_code_0_with_check(command: Command, tmp_path: Path) -> None:
    assert command("routes", module("clean", CLEAN, tmp_path), "--check")[0] == 0


def test_findings_are_exit_code_1_with_check_and_0_without(
    command: Command, tmp_path: Path
) -> None:
    address = module("faulty", FAULTY, tmp_path)
    code, out, _ = command("routes", address, "--check", "--format", "json")
    told = json.loads(out)["findings"]
    assert (code, {(one["code"], one["subject"]) for one in told}) == (1, FINDINGS)
    assert command("routes", address)[0] == 0


def test_what_is_allowed_is_no_finding(command: Command, tmp_path: Path) -> None:
    meant = [option for _, subject in FINDINGS for option in ("--allow", subject)]
    assert command("routes", module("faulty", FAULTY, tmp_path), "--check", *meant)[0] == 0


def test_findings_of_the_table_say_what_to_do(command: Command, tmp_path: Path) -> None:
    _, out, _ = command("routes", module("faulty", FAULTY, tmp_path), "--check")
    assert (
        "misspelt_scope\n  read:user (used once) looks like read:users (2 times)\n"
        "  write it the same way everywhere\n"
    ) in "\n".join(line.rstrip() for line in out.splitlines())


def test_narrow_terminal_has_a_table_without_the_last_column(
    command: Command, tmp_path: Path
) -> None:
    _, out, _ = command("routes", module("clean", CLEAN, tmp_path), COLUMNS="44")
    lines = out.splitlines()
    assert lines[0].split() == ["Method", "Path", "Needs"]
    assert max(map(len, lines)) <= 44


FAILING = {
    "nothing_there": ("nothing_there:app", None, "importing nothing_there failed: Module"),
    "no_name": ("broken:nope", "app = 1", "there is no 'nope' in it; write MODULE:APP"),
    "no_app": ("broken:app", "app = 1", "it is of type int, but it must be a FastAPI"),
    "raises": ("broken:app", "1 / 0", "importing broken failed: ZeroDivisionError: division"),
    "exits": ("broken:app", "import sys; sys.exit('bye')", "broken failed: SystemExit: bye"),
    "syntax": ("broken:app", "def", "importing broken failed: SyntaxError: invalid syntax"),
    "factory": ("broken:make()", "def make(x): ...", "calling it failed: TypeError: make()"),
    "async": ("broken:make", "async def make(): ...", "it is async; an application is made"),
    "unguarded": (
        "broken:app",
        "from fastapi import FastAPI; app = FastAPI()",
        "it has no guard; call guard.install(app) where it is made",
    ),
    "file": ("broken.py", "", "write MODULE:APP, such as main:app or main:create_app()"),
}


@pytest.mark.parametrize("case", FAILING)
def test_application_that_cannot_be_had_is_one_line_and_exit_code_2(
    case: str, command: Command, tmp_path: Path
) -> None:
    address, source, says = FAILING[case]
    if source is not None:
        module("broken", source, tmp_path)
    code, out, err = command("routes", address)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"kinde-guard: {address}: ")
    assert says in err


@pytest.mark.parametrize("address", ["made:make", "made:make()", "made:app"])
def test_application_of_a_factory_is_walked(address: str, command: Command, tmp_path: Path) -> None:
    module("made", f"{CLEAN}\ndef make(): return app\n", tmp_path)
    assert command("routes", address, "--check")[0] == 0


RIGHTS = """
from fastapi import Depends, FastAPI
from kinde_guard import KindeGuard, require_feature, require_roles

app = FastAPI(openapi_url=None)
KindeGuard("acme.kinde.com", audience="users-api").install(app)
needs = [Depends(require_roles("admin")), Depends(require_feature("theme", "pink"))]


@app.get("/admin", dependencies=needs)
async def admin() -> None: ...
"""


def test_json_names_roles_features_and_the_label_of_each_requirement(
    command: Command, tmp_path: Path
) -> None:
    code, out, _ = command("routes", module("rights", RIGHTS, tmp_path), "--format", "json")
    (operation,) = json.loads(out)["operations"]
    assert code == 0
    assert operation["requirements"] == ["roles admin", "feature theme = 'pink'"]
    assert (operation["roles"], operation["features"]) == (["admin"], {"theme": "pink"})
    assert (operation["scopes"], operation["rules"], operation["permissions"]) == ([], [], [])
    assert (operation["organization"], operation["token"]) == (None, True)
