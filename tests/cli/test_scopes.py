"""``kinde-guard scopes list|grant|revoke`` against local Kinde, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from kinde_guard.local import SCOPES, Application, LocalKinde
from tests.cli.in_process import Command, Ended, command
from tests.cli.processes import run
from tests.cli.tenants import of_caller, of_manager

REPORTING = 1


@pytest.fixture
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


@pytest.fixture
def reporting(kinde: LocalKinde) -> Application:
    return kinde.applications[REPORTING]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(monkeypatch, capsys)


def granted(kinde: LocalKinde, name: str = "Reporting") -> list[str]:
    (found,) = [one for one in kinde.store.applications() if one.name == name]
    return [scope for access in found.apis for scope in access.scopes]


def one_line(ended: Ended, code: int) -> str:
    assert (ended.code, ended.out, ended.err.count("\n")) == (code, "", 1)
    return ended.err.removeprefix("kinde-guard: ").rstrip("\n")


# What is there


def test_list_of_an_api_shows_its_scopes(kinde: LocalKinde, cli: Command) -> None:
    ended = cli("scopes", "list", **of_manager(kinde))
    assert (ended.code, ended.err) == (0, "")
    lines = [line.rstrip() for line in ended.out.splitlines()]
    assert lines == [
        "Users API https://api.demo.example: 6 scopes",
        "Scope         Description",
        "──────────────────────────",
        "read:users    See users",
        "create:users  Add users",
        "update:users  Change users",
        "delete:users  Remove users",
        "read:roles    See roles",
        "update:roles  Change roles",
    ]


def test_list_takes_one_token_with_the_least_scopes(kinde: LocalKinde, cli: Command) -> None:
    kinde.store.replace_grants(*_of_management(kinde, "read:apis", "read:api_scopes"))
    before = kinde.token_requests
    assert cli("scopes", "list", **of_manager(kinde)).code == 0
    assert kinde.token_requests == before + 1


def test_list_of_an_application_says_that_grants_cannot_be_seen(
    kinde: LocalKinde, reporting: Application, cli: Command
) -> None:
    before = kinde.token_requests
    environ = of_caller(kinde, reporting) | of_manager(kinde)
    ended = cli("scopes", "list", "Reporting", **environ)
    assert (ended.code, ended.err) == (0, "")
    lines = [
        line.rstrip() for line in ended.out.replace(reporting.client_id, "0" * 32).splitlines()
    ]
    assert lines == [
        "Users API https://api.demo.example: 6 scopes",
        "Scope         Granted  Description",
        "───────────────────────────────────",
        "read:users    ?        See users",
        "create:users  ?        Add users",
        "update:users  ?        Change users",
        "delete:users  ?        Remove users",
        "read:roles    ?        See roles",
        "update:roles  ?        Change roles",
        "",
        f"Reporting ({'0' * 32}) is authorized for this API.",
        "",
        "Kinde has no request that lists what an application was granted; only a token of",
        "its own tells. With its KINDE_CLIENT_ID and KINDE_CLIENT_SECRET set, --ask gets",
        "one, which Kinde bills.",
    ]
    assert kinde.token_requests == before + 1


def test_list_with_ask_shows_what_the_applications_own_token_holds(
    kinde: LocalKinde, reporting: Application, cli: Command
) -> None:
    environ = of_caller(kinde, reporting) | of_manager(kinde)
    said = json.loads(cli("scopes", "list", "Reporting", "--ask", "--json", **environ).out)
    assert said["api"] == {"name": "Users API", "audience": kinde.audience}
    assert said["application"] == {
        "name": "Reporting",
        "client_id": reporting.client_id,
        "is_authorized": True,
    }
    holds = {one["scope"]: one["granted"] for one in said["scopes"]}
    assert holds == {key: key in {"read:users", "read:roles"} for key in SCOPES}


def test_list_with_ask_but_another_applications_credentials_is_wrong_usage(
    kinde: LocalKinde, reporting: Application, cli: Command
) -> None:
    environ = of_caller(kinde, reporting) | of_manager(kinde)
    other = kinde.applications[0]
    says = one_line(cli("scopes", "list", "Back office", "--ask", **environ), 2)
    assert says.startswith("--ask gets a token of Back office: set KINDE_CLIENT_ID to its client")
    assert other.client_id in says


def test_application_that_is_not_authorized_holds_nothing(kinde: LocalKinde, cli: Command) -> None:
    kinde.store.add_application("Newcomer")
    said = json.loads(cli("scopes", "list", "Newcomer", "--json", **of_manager(kinde)).out)
    assert said["application"]["is_authorized"] is False
    assert {one["granted"] for one in said["scopes"]} == {False}


def test_application_beyond_the_first_page_is_found(kinde: LocalKinde, cli: Command) -> None:
    for number in range(230):
        kinde.store.add_application(f"Robot {number:03}")
    ended = cli("scopes", "list", "Robot 229", "--json", **of_manager(kinde))
    assert json.loads(ended.out)["application"]["name"] == "Robot 229"


# Granting and revoking


def test_grant_and_revoke_change_what_was_named_and_may_be_repeated(
    kinde: LocalKinde, reporting: Application, cli: Command
) -> None:
    scopes = ("create:users", "read:users", "create:users")
    for _ in range(2):
        ended = cli("scopes", "grant", "Reporting", *scopes, **of_manager(kinde))
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.splitlines() == [
            "granted create:users",
            "granted read:users",
            f"to Reporting ({reporting.client_id}), on Users API",
            "Tokens from now on hold what was granted; ask for a new one.",
        ]
        assert sorted(granted(kinde)) == ["create:users", "read:roles", "read:users"]
    for _ in range(2):
        ended = cli("scopes", "revoke", reporting.client_id, *scopes, **of_manager(kinde))
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.splitlines() == [
            "revoked create:users",
            "revoked read:users",
            f"from Reporting ({reporting.client_id}), on Users API",
            "Tokens that exist keep their scopes until they expire.",
        ]
        assert granted(kinde) == ["read:roles"]


def test_json_says_what_was_done(kinde: LocalKinde, reporting: Application, cli: Command) -> None:
    ended = cli("scopes", "grant", "Reporting", "create:users", "--json", **of_manager(kinde))
    assert (ended.code, ended.err, ended.out.count("\n")) == (0, "", 1)
    assert json.loads(ended.out) == {
        "api": {"name": "Users API", "audience": kinde.audience},
        "application": {"name": "Reporting", "client_id": reporting.client_id},
        "done": [{"action": "grant", "name": "create:users"}],
        "failed": None,
        "not_tried": [],
    }


def test_application_that_is_not_authorized_is_authorized_only_on_request(
    kinde: LocalKinde, cli: Command
) -> None:
    kinde.store.add_application("Newcomer")
    says = one_line(cli("scopes", "grant", "Newcomer", "read:users", **of_manager(kinde)), 1)
    assert says.endswith("is not authorized for Users API; --authorize does that too")
    assert granted(kinde, "Newcomer") == []
    ended = cli("scopes", "grant", "Newcomer", "read:users", "--authorize", **of_manager(kinde))
    assert ended.code == 0
    assert ended.out.startswith(f"authorized for {kinde.audience}\ngranted read:users\n")
    assert granted(kinde, "Newcomer") == ["read:users"]


def test_revoking_from_an_application_that_is_not_authorized_has_nothing_to_do(
    kinde: LocalKinde, cli: Command
) -> None:
    kinde.store.add_application("Newcomer")
    ended = cli("scopes", "revoke", "Newcomer", "read:users", **of_manager(kinde))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "Newcomer is not authorized for Users API, so it holds no scope of it.\n"


# What is not there, or not allowed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("grant", "Reprting", "read:users"),
            "Kinde has no application 'Reprting'; did you mean 'Reporting'?",
        ),
        (
            ("grant", "Reporting", "read:users", "create:user"),
            "Users API has no scope 'create:user'; did you mean 'create:users'?; `kinde-guard"
            " scopes apply MODULE:APP` adds the scopes that an application's code requires",
        ),
        (
            ("revoke", "Reporting", "x", "y"),
            "Users API has no scope 'x', 'y'",
        ),
        (
            ("list", "--api", "https://api.demo.exampel"),
            "Kinde has no API 'https://api.demo.exampel'; did you mean 'https://api.demo.example'?",
        ),
    ],
)
def test_name_that_is_not_there_changes_nothing(
    kinde: LocalKinde, cli: Command, arguments: tuple[str, ...], says: str
) -> None:
    assert one_line(cli("scopes", *arguments, **of_manager(kinde)), 1) == says
    assert sorted(granted(kinde)) == ["read:roles", "read:users"]


def test_name_of_several_applications_is_refused_with_their_client_ids(
    kinde: LocalKinde, reporting: Application, cli: Command
) -> None:
    twin = kinde.store.add_application("Reporting")
    says = one_line(cli("scopes", "grant", "Reporting", "create:users", **of_manager(kinde)), 1)
    ids = ", ".join(sorted((reporting.client_id, twin.client_id)))
    assert says == f"several applications are called 'Reporting'; name its client id: {ids}"


def test_manager_without_a_management_scope_is_told_which_before_anything_changes(
    kinde: LocalKinde, cli: Command
) -> None:
    kinde.store.replace_grants(*_of_management(kinde, "read:apis", "read:api_scopes"))
    ended = cli("scopes", "grant", "Reporting", "create:users", **of_manager(kinde))
    says = one_line(ended, 1)
    assert kinde.management is not None
    assert says == (
        f"the application {kinde.management.client_id} may not do this: it needs, on the Kinde"
        " Management API, read:apis read:api_scopes read:applications"
        " create:api_application_scopes (Settings > Applications > the application > APIs >"
        " Manage scopes). Kinde says: The requested scope is invalid, unknown, or malformed. The"
        " application was not granted the scope 'read:applications'."
    )
    assert sorted(granted(kinde)) == ["read:roles", "read:users"]


def test_caller_that_manages_nothing_is_told_so(
    kinde: LocalKinde, reporting: Application, cli: Command
) -> None:
    says = one_line(cli("scopes", "list", **of_caller(kinde, reporting)), 1)
    assert says.startswith(
        f"the application {reporting.client_id} is not authorized for the Kinde Management API"
    )
    assert reporting.client_secret not in says


@pytest.mark.parametrize(
    ("arguments", "changes", "says"),
    [
        (("list",), {"KINDE_DOMAIN": ""}, "KINDE_DOMAIN not set"),
        (
            ("list",),
            {"KINDE_MANAGEMENT_CLIENT_SECRET": ""},
            "KINDE_MANAGEMENT_CLIENT_SECRET not set",
        ),
        (("list",), {"KINDE_AUDIENCE": ""}, "no API is named: give --api AUDIENCE, or set"),
        (("list",), {"KINDE_AUDIENCE": "a b"}, "KINDE_AUDIENCE names several APIs: choose one"),
        (("list", "--ask"), {}, "--ask gets a token of an application: name the application"),
        (("grant", "Reporting"), {}, "Missing argument 'SCOPE...'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    kinde: LocalKinde,
    cli: Command,
    arguments: tuple[str, ...],
    changes: dict[str, str],
    says: str,
) -> None:
    assert one_line(cli("scopes", *arguments, **of_manager(kinde) | changes), 2).startswith(says)


def test_tenant_that_does_not_answer_is_one_line_on_standard_error(kinde: LocalKinde) -> None:
    environ = of_manager(kinde)
    kinde.stop()
    ended = run("scopes", "list", **environ)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith(f"kinde-guard: no token from {kinde.issuer}/oauth2/token: ")


@pytest.mark.parametrize("command", ["list", "grant", "revoke", "diff", "apply"])
def test_help_has_an_example(cli: Command, command: str) -> None:
    ended = cli("scopes", command, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"Example: kinde-guard scopes {command} " in ended.out


def test_text_of_kinde_does_not_reach_the_terminal_as_it_is(
    kinde: LocalKinde, cli: Command
) -> None:
    (api,) = [one for one in kinde.store.apis() if one.audience == kinde.audience]
    kinde.store.add_scope(api.id, "evil", "\x1b]0;owned\x07 [bold]loud[/bold]")
    shown = cli("scopes", "list", **of_manager(kinde)).out
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "[bold]loud[/bold]" in shown


def _of_management(kinde: LocalKinde, *keys: str) -> tuple[str, str, list[str]]:
    """The management application, its API, and the ids of these of its scopes."""
    assert kinde.management is not None
    (api,) = [one for one in kinde.store.apis() if one.is_management_api]
    return kinde.management.client_id, api.id, [s.id for s in api.scopes if s.key in keys]


def test_no_command_shows_the_commands(kinde: LocalKinde, cli: Command) -> None:
    ended = cli("scopes", **of_manager(kinde))
    assert (ended.code, ended.err) == (0, "")
    assert "apply   Add the scopes that code requires to those in Kinde." in ended.out
