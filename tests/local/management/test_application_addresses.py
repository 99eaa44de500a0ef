"""Callback and logout addresses by the Management API, and sign-ins that follow them."""

from __future__ import annotations

import pytest

from kinde_guard.local import Tenant
from tests.local.management.callers import OK, Caller, errors

GONE = errors("APPLICATION_NOT_FOUND", "There is no application of that id")
KINDS = [("auth_redirect_urls", "redirect_urls"), ("auth_logout_urls", "logout_urls")]
A, B, C = "http://localhost:3000/a", "https://b.example/x?y=1,2", "myapp://c"


@pytest.fixture
def path(tenant: Tenant) -> str:
    return f"/applications/{tenant.store.add_application('New', type='spa').client_id}"


@pytest.mark.parametrize(("name", "member"), KINDS)
def test_addresses_are_added_replaced_and_deleted(
    admin: Caller, path: str, name: str, member: str
) -> None:
    def kept() -> list[str]:
        body = admin.get(f"{path}/{name}")
        assert (body["code"], body["message"]) == ("OK", "Success")
        found: list[str] = body[member]
        return found

    assert kept() == []
    assert admin.post(f"{path}/{name}", {"urls": [A, B]}, 200) == OK
    assert admin.post(f"{path}/{name}", {"urls": [B, C]}, 200) == OK
    assert kept() == [A, B, C]
    assert admin.delete(f"{path}/{name}?urls={A},{C}") == OK
    assert kept() == [B]
    assert admin.delete(f"{path}/{name}?urls={B}".replace("?y", "%3Fy")) == OK
    assert kept() == []
    answer = admin.ask("PUT", f"{path}/{name}", {"urls": [C, C]})
    assert (answer.status_code, answer.json()) == (200, OK)
    assert kept() == [C]


@pytest.mark.parametrize(("name", "_"), KINDS)
@pytest.mark.parametrize("url", ["", "/a", "javascript:alert(1)", "http://a/#b", "http://a b", 5])
def test_what_is_no_address_is_refused(
    admin: Caller, path: str, name: str, _: str, url: object
) -> None:
    for method in ("POST", "PUT"):
        answer = admin.ask(method, f"{path}/{name}", {"urls": [url]})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize(("name", "_"), KINDS)
def test_of_an_application_that_is_not_there_nothing_is_changed(
    admin: Caller, name: str, _: str
) -> None:
    path = f"/applications/{'0' * 32}/{name}"

    assert admin.get(path, 400) == GONE
    assert admin.post(path, {"urls": [A]}, 400) == GONE
    assert admin.delete(f"{path}?urls={A}", 400) == GONE
