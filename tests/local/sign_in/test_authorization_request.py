"""What an application may ask for, and where the answer goes: never to an address of another."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from kinde_guard.local import LocalKinde
from tests.local.sign_in.front_end import (
    ADA,
    ANALYTICAL,
    CALLBACK,
    FrontEnd,
    assert_page,
    told,
)

FOREIGN = [
    "https://evil.example/callback",
    "http://localhost:3000/callback/",
    "http://localhost:3000/Callback",
    "http://localhost:3000/callback?x=1",
    "http://localhost:3000/callback#x",
    "http://localhost:3001/callback",
    "HTTP://localhost:3000/callback",
    "http://LOCALHOST:3000/callback",
    "http://localhost:3000@evil.example/callback",
    "http://localhost:3000/callback/../evil",
    "http://localhost:3000/%63allback",
    "http://localhost:3000/callback%0d%0aSet-Cookie:%20a=b",
    "http://localhost:3000/callback ",
    "//localhost:3000/callback",
    "javascript:alert(1)",
    "",
    None,
]


@pytest.mark.parametrize("redirect_uri", FOREIGN)
@pytest.mark.parametrize("hint", [ADA, None], ids=["without the page", "with the page"])
def test_a_callback_that_is_not_exactly_an_allowed_one_gives_an_error_page(
    front_end: FrontEnd, redirect_uri: str | None, hint: str | None
) -> None:
    answer = front_end.authorize(redirect_uri=redirect_uri, login_hint=hint)

    assert_page(answer, 400, "This callback address is not allowed")


@pytest.mark.parametrize("other", [CALLBACK, "https://evil.example"])
@pytest.mark.parametrize("position", [0, 1])
def test_a_doubled_callback_gives_an_error_page(
    front_end: FrontEnd, other: str, position: int
) -> None:
    addresses = [CALLBACK, CALLBACK]
    addresses[position] = other

    answer = front_end.authorize(redirect_uri=addresses, login_hint=ADA)
    assert_page(answer, 400, "This callback address is not allowed")


@pytest.mark.parametrize("client_id", [None, "", "0" * 32, "twice"])
def test_an_application_that_is_not_known_gives_an_error_page(
    front_end: FrontEnd, client_id: Any
) -> None:
    own = front_end.client["client_id"]
    given = [own, own] if client_id == "twice" else client_id

    assert_page(front_end.authorize(client_id=given), 400, "Which application is this?")


def test_another_applications_callback_gives_an_error_page(
    kinde: LocalKinde, front_end: FrontEnd, website: FrontEnd
) -> None:
    kinde.allow_callback(website.client["client_id"], "http://localhost:9999/only")

    answer = front_end.authorize(redirect_uri="http://localhost:9999/only", login_hint=ADA)
    assert_page(answer, 400, "This callback address is not allowed")


@pytest.mark.parametrize("query", [b"client_id=%ff", b"a=%zz", b"x=1&" * 70])
def test_a_query_that_cannot_be_read_gives_an_error_page(
    kinde: LocalKinde, http: httpx.Client, query: bytes
) -> None:
    url = httpx.URL(kinde.issuer).copy_with(raw_path=b"/oauth2/auth?" + query)
    assert_page(http.get(url), 400, "This request cannot be read")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"response_type": None}, "invalid_request"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code id_token"}, "unsupported_response_type"),
    ({"response_type": ["code", "code"]}, "invalid_request"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"code_challenge": "a" * 44}, "invalid_request"),
    ({"code_challenge": "+" * 43}, "invalid_request"),
    ({"scope": "openid fly"}, "invalid_scope"),
    ({"prompt": "dance"}, "invalid_request"),
    ({"prompt": "none login"}, "invalid_request"),
    ({"prompt": "none", "login_hint": None}, "login_required"),
    ({"org_code": "org_nowhere"}, "invalid_request"),
    ({"is_create_org": "true"}, "invalid_request"),
    ({"request": "e30.e30."}, "request_not_supported"),
    ({"request_uri": "https://evil.example"}, "request_not_supported"),
    ({"nonce": ["a", "b"]}, "invalid_request"),
]


@pytest.mark.parametrize(("changes", "error"), REFUSED)
def test_any_other_fault_goes_back_to_the_application(
    front_end: FrontEnd, changes: dict[str, Any], error: str
) -> None:
    answer = front_end.authorize(**{"login_hint": ADA, **changes})

    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{CALLBACK}?error=")
    assert answer.headers["cache-control"] == "no-store"
    parameters = told(answer)
    assert list(parameters) == ["error", "error_description", "state"]
    assert (parameters["error"], parameters["state"]) == (error, "s")


def test_nothing_to_show_and_nobody_signed_in_is_login_required_in_kindes_words(
    front_end: FrontEnd,
) -> None:
    assert told(front_end.authorize(prompt="none")) == {
        "error": "login_required",
        "error_description": "User authentication is required",
        "state": "s",
    }


def test_a_doubled_state_is_not_told(front_end: FrontEnd) -> None:
    answer = front_end.authorize(state=["a", "b"], login_hint=ADA)

    assert list(told(answer)) == ["error", "error_description"]
    assert told(answer)["error"] == "invalid_request"


@pytest.mark.parametrize(
    "state", ["a b", "ä€🙂", "&code=evil", "%0d%0aX: y", "\r\nSet-Cookie: a=b", "#?/=+", "x" * 4000]
)
def test_any_state_comes_back_as_it_was(front_end: FrontEnd, state: str) -> None:
    good = front_end.authorize(state=state, login_hint=ADA)
    bad = front_end.authorize(state=state, response_type="token")

    assert (told(good)["state"], told(bad)["state"]) == (state, state)
    assert list(told(good)) == ["code", "state"]
    assert "x" not in good.headers.get("set-cookie", "a=b").partition("=")[0]


def test_without_a_state_none_comes_back(front_end: FrontEnd) -> None:
    assert list(told(front_end.authorize(state=None, login_hint=ADA))) == ["code"]


def test_a_callback_keeps_its_own_query(kinde: LocalKinde, front_end: FrontEnd) -> None:
    address = "http://localhost:3000/callback?tenant=a%20b"
    kinde.allow_callback(front_end.client["client_id"], address)

    answer = front_end.authorize(redirect_uri=address, login_hint=ADA)
    assert answer.headers["location"].startswith(f"{address}&code=")


def test_a_machine_cannot_sign_people_in(kinde: LocalKinde, http: httpx.Client) -> None:
    machine = kinde.applications[0]
    kinde.allow_callback(machine, CALLBACK)

    answer = FrontEnd(http, machine.client_id).authorize(login_hint=ADA)
    assert told(answer)["error"] == "unauthorized_client"


def test_a_website_with_a_secret_needs_no_pkce(website: FrontEnd) -> None:
    code = website.code(code_challenge=None, code_challenge_method=None)

    assert website.redeem(code, code_verifier=None).status_code == 200


def test_every_parameter_that_kinde_documents_is_taken(front_end: FrontEnd) -> None:
    answer = front_end.authorize(
        login_hint=ADA,
        org_code=ANALYTICAL,
        prompt="login",
        nonce="n",
        audience=["https://api.demo.example", "https://other.example"],
        lang="en",
        org_name="x",
        is_create_org="false",
        connection_id="conn_1",
        has_success_page="true",
        is_use_auth_success_page="true",
        supports_reauth="true",
        reauth_state="e30",
        plan_interest="pro",
        pricing_table_key="t",
        pages_mode="preview",
        workflow_deployment_id="w",
        invitation_code="i",
        is_invitation="true",
        start_page="login",
        response_mode="query",
    )

    assert list(told(answer)) == ["code", "state"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_another_method_is_not_allowed(http: httpx.Client, method: str) -> None:
    assert http.request(method, "/oauth2/auth").status_code == 405
