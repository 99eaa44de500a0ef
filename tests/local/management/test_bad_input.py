"""What nobody should send is answered in Kinde's error shape, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from kinde_guard.local import Tenant
from tests.local.management.callers import ROUTE_NOT_FOUND, Caller, errors

JSON = {"Content-Type": "application/json"}


def send(caller: Caller, content: bytes, headers: dict[str, str] | None = None) -> Any:
    return caller.ask("POST", "/apis", content=content, headers=headers or JSON)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"nonsense",
        b'{"name": "x", "name": "y", "audience": "z"}',
        b'{"name": NaN, "audience": "x"}',
        b'{"name": "\\ud800", "audience": "x"}',
        b'{"name": "\xff", "audience": "x"}',
        b"[" * 100_000,
        '{"name": "x", "audience": "y"}'.encode("utf-16"),
        b'{"name": ' + b"9" * 5000 + b"}",
    ],
    ids=["cut", "words", "twice", "NaN", "surrogate", "latin-1", "deep", "utf-16", "number"],
)
def test_malformed_json_is_400(admin: Caller, content: bytes) -> None:
    answer = send(admin, content)

    assert answer.status_code == 400
    assert answer.json() == errors("INVALID_JSON", "The body is no well-formed JSON")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "body: Field required"),
        (b"null", "body: Input should be a valid dictionary or object to extract fields from"),
        (b"[]", "body: Input should be a valid dictionary or object to extract fields from"),
        (b'{"audience": "x"}', "body.name: Field required"),
        (b'{"name": null, "audience": "x"}', "body.name: Input should be a valid string"),
        (b'{"name": 5, "audience": "x"}', "body.name: Input should be a valid string"),
        (b'{"name": "", "audience": "x"}', "body.name: String should have at least 1 character"),
    ],
)
def test_json_that_is_not_what_was_asked_for_is_400(
    admin: Caller, content: bytes, message: str
) -> None:
    answer = send(admin, content)

    assert answer.status_code == 400
    assert answer.json() == errors("INVALID_REQUEST", message)


@pytest.mark.parametrize("name", ["nul\0", "\x07", "line\nbreak", "x" * 65])
def test_a_name_with_a_control_character_or_too_long_is_400(
    admin: Caller, tenant: Tenant, name: str
) -> None:
    before = tenant.store.apis()
    answer = admin.ask("POST", "/apis", {"name": name, "audience": "urn:x"})

    assert answer.status_code == 400
    assert name not in answer.text
    assert tenant.store.apis() == before


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"],
)
def test_another_content_type_is_415(admin: Caller, content_type: str) -> None:
    answer = send(admin, b'{"name": "x", "audience": "y"}', {"Content-Type": content_type})

    assert answer.status_code == 415
    assert answer.json() == errors(
        "UNSUPPORTED_CONTENT_TYPE", "The body must be application/json in UTF-8"
    )


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
def test_json_in_utf_8_is_taken_however_it_is_written(admin: Caller, content_type: str) -> None:
    assert send(admin, b"{}", {"Content-Type": content_type}).status_code == 400


def test_a_huge_body_is_413(admin: Caller) -> None:
    answer = send(admin, b'{"name": "' + b"x" * 300_000)

    assert answer.status_code == 413
    assert answer.json() == errors("BODY_TOO_LARGE", "The body must not exceed 262144 bytes")


def test_the_body_of_one_who_lacks_the_scope_is_not_looked_at(anybody: Caller) -> None:
    assert send(anybody, b"x" * 300_000).status_code == 401
    assert send(anybody.with_scopes(["read:apis"]), b"x" * 300_000).status_code == 403


def test_an_unknown_route_is_kindes_404(admin: Caller) -> None:
    for path in ("/nonsense", "/", "", "/apis/", "/apis//scopes", "/APIS"):
        assert admin.get(path, 404) == ROUTE_NOT_FOUND


def test_an_unknown_route_needs_a_token_too(anybody: Caller) -> None:
    assert anybody.ask("GET", "/nonsense").status_code == 401


def test_another_method_is_405_and_says_which_there_are(admin: Caller) -> None:
    answer = admin.ask("PUT", "/apis")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert answer.json() == errors("METHOD_NOT_ALLOWED", "The path does not take this method")


@pytest.mark.parametrize("api_id", ["x" * 2000, "%00", "%F0%9F%A4%96", "%FF", "..", "' OR 1=1 --"])
def test_an_odd_id_is_one_that_is_not_there(admin: Caller, api_id: str) -> None:
    answer = admin.ask("GET", f"/apis/{api_id}/scopes")

    assert answer.status_code in {400, 404}
    assert answer.json() in (
        ROUTE_NOT_FOUND,
        errors("API_NOT_FOUND", "There is no API of that id"),
    )


@pytest.mark.parametrize(
    "query",
    ["page_size=0", "page_size=501", "page_size=x", "page_size=", "sort=age", "next_token=x"],
)
def test_a_query_that_makes_no_sense_is_400(admin: Caller, query: str) -> None:
    answer = admin.ask("GET", f"/applications?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] in {"INVALID_REQUEST", "INVALID_NEXT_TOKEN"}


def test_more_than_a_hundred_objects_in_one_request_are_400(admin: Caller, tenant: Tenant) -> None:
    api_id = tenant.store.apis()[0].id
    change = {"applications": [{"id": "x"}] * 101}

    answer = admin.ask("PATCH", f"/apis/{api_id}/applications", change)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "INVALID_REQUEST"


def test_a_body_of_many_faults_names_twenty(admin: Caller, tenant: Tenant) -> None:
    change: dict[str, Any] = {"applications": [{}] * 90}
    answer = admin.ask("PATCH", f"/apis/{tenant.store.apis()[0].id}/applications", change)

    assert (answer.status_code, len(answer.json()["errors"])) == (400, 20)


def test_two_tokens_are_400_in_the_same_envelope(admin: Caller) -> None:
    headers = [("Authorization", f"Bearer {admin.token}")] * 2
    answer = admin.http.get("/api/v1/apis", headers=headers)

    assert answer.status_code == 400
    assert answer.json() == errors(
        "INVALID_REQUEST", "The request must present exactly one access token."
    )
