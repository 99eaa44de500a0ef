"""What ``kinde-guard scopes`` says where Kinde's Management API fails, half way too."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response

from kinde_guard.local import LocalKinde
from tests.cli.in_process import Command, command
from tests.cli.management_proxy import Fault, proxied
from tests.cli.tenants import of_manager

NO = {"errors": [{"code": "FORBIDDEN", "message": "Unauthorized - invalid\ncredentials."}]}


@pytest.fixture(scope="module")
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return command(monkeypatch, capsys)


def from_the_second(method: str, answer: Response) -> Fault:
    """Let the first request of this method pass, and give an answer to every later one."""
    seen: list[str] = []

    def fault(asked: str, path: str) -> Response | None:
        seen.extend([path] if asked == method else [])
        return answer if asked == method and len(seen) > 1 else None

    return fault


def granted(kinde: LocalKinde) -> set[str]:
    return {scope for access in kinde.applications[1].apis for scope in access.scopes}


def test_failure_half_way_leaves_an_account_and_the_command_may_be_run_again(
    kinde: LocalKinde, cli: Command
) -> None:
    scopes = ("create:users", "update:users", "delete:users")
    with proxied(kinde, from_the_second("POST", JSONResponse(NO, 403))) as proxy:
        environ = of_manager(kinde) | {"KINDE_DOMAIN": proxy.issuer}
        ended = cli("scopes", "grant", "Reporting", *scopes, **environ)
        posted = [path for method, path in proxy.requests if method == "POST"]
    assert ended.code == 1
    assert ended.out.splitlines()[0] == "granted create:users"
    assert ended.err == (
        f"kinde-guard: grant update:users failed: POST {posted[1]}: Kinde answered 403 (FORBIDDEN:"
        " Unauthorized - invalid credentials.); it takes the Management API scope"
        " create:api_application_scopes; not tried: delete:users; done and kept: create:users; the"
        " same command may be run again\n"
    )
    assert len(posted) == 2
    assert granted(kinde) == {"read:users", "read:roles", "create:users"}
    assert cli("scopes", "grant", "Reporting", *scopes, **of_manager(kinde)).code == 0
    assert granted(kinde) == {"read:users", "read:roles", *scopes}
    assert cli("scopes", "revoke", "Reporting", *scopes, **of_manager(kinde)).code == 0


def test_account_of_a_failure_half_way_is_in_the_json_too(kinde: LocalKinde, cli: Command) -> None:
    with proxied(kinde, from_the_second("POST", Response(status_code=500))) as proxy:
        environ = of_manager(kinde) | {"KINDE_DOMAIN": proxy.issuer}
        app = "tests.cli.guarded_example:app"
        ended = cli("scopes", "apply", app, "--yes", "--prune", "--json", **environ)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    said = json.loads(ended.out)
    assert said["done"] == [{"action": "add", "name": "read:reports"}]
    failed = said["failed"]
    assert failed.pop("error").endswith("/scopes: Kinde answered 500")
    assert failed == {"action": "add", "name": "admin"}
    removals = ["update:users", "delete:users", "read:roles", "update:roles"]
    assert [one["name"] for one in said["not_tried"]] == ["watch:users", *removals]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (JSONResponse(NO, 401), "GET /api/v1/apis: Kinde answered 401 (FORBIDDEN: Unauthorized"),
        (
            JSONResponse(NO, 403),
            "GET /api/v1/apis: Kinde answered 403 (FORBIDDEN: Unauthorized - invalid credentials.);"
            " it takes the Management API scope read:apis (Settings > Applications > ",
        ),
        (
            JSONResponse({"errors": {"code": "ROUTE_NOT_FOUND", "message": "No"}}, 404),
            "GET /api/v1/apis: Kinde answered 404 (ROUTE_NOT_FOUND: No)",
        ),
        (
            Response(status_code=429, headers={"RateLimit-Reset": "7"}),
            "GET /api/v1/apis: Kinde answered 429; try again in 7 s",
        ),
        (Response("<html>", 503), "GET /api/v1/apis: Kinde answered 503"),
        (RedirectResponse("/login"), "GET /api/v1/apis: Kinde answered 307"),
        (Response("<html>", 200), "Kinde's Management API answered without a JSON object"),
        (Response("", 200), "Kinde's Management API answered without its list of apis"),
        (JSONResponse([]), "Kinde's Management API answered without a JSON object"),
        (JSONResponse({"apis": {}}), "Kinde's Management API answered without its list of apis"),
        (JSONResponse({"apis": [1]}), "Kinde's Management API answered without a JSON object"),
        (
            JSONResponse({"apis": [{"id": 5, "name": "a"}]}),
            "Kinde's Management API answered without the id of something in it",
        ),
        (JSONResponse({"errors": 5}, 400), "GET /api/v1/apis: Kinde answered 400"),
        (Response("[" * 100_000, 400), "GET /api/v1/apis: Kinde answered 400"),
    ],
)
def test_answer_that_is_no_good_is_one_line_and_exit_code_1(
    kinde: LocalKinde, cli: Command, answer: Response, says: str
) -> None:
    with proxied(kinde, lambda _, __: answer) as proxy:
        environ = of_manager(kinde) | {"KINDE_DOMAIN": proxy.issuer}
        ended = cli("scopes", "list", **environ)
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert ended.err.startswith(f"kinde-guard: {says}")
    assert environ["KINDE_MANAGEMENT_CLIENT_SECRET"] not in ended.err


def test_list_of_applications_without_an_end_is_given_up(kinde: LocalKinde, cli: Command) -> None:
    page = {"applications": [{"id": "a", "name": "a"}], "next_token": "again"}

    def fault(_: str, path: str) -> Response | None:
        return JSONResponse(page) if path == "/api/v1/applications" else None

    with proxied(kinde, fault) as proxy:
        environ = of_manager(kinde) | {"KINDE_DOMAIN": proxy.issuer}
        ended = cli("scopes", "grant", "Reporting", "read:users", **environ)
        pages = [path for _, path in proxy.requests if path == "/api/v1/applications"]
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "kinde-guard: Kinde's list of applications does not come to an end\n"
    assert len(pages) == 2
