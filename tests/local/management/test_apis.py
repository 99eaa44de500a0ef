from __future__ import annotations

import re

import pytest

from kinde_guard.local import Tenant
from kinde_guard.local.seed import SCOPES
from tests.local.management.callers import AUDIENCE, OK, Caller, errors

NO_API = errors("API_NOT_FOUND", "There is no API of that id")
NO_SCOPE = errors("SCOPE_NOT_FOUND", "The API has no scope of that id")
TAKEN = errors("ALREADY_EXISTS", "A value that must be unique is taken")
FIXED = errors("MANAGEMENT_API", "The Management API itself cannot be changed")


def add_api(admin: Caller, name: str) -> str:
    return str(admin.post("/apis", {"name": name, "audience": f"urn:{name}"})["api"]["id"])


def add_scope(admin: Caller, api_id: str, key: str = "read") -> str:
    return str(admin.post(f"/apis/{api_id}/scopes", {"key": key})["scope"]["id"])


def users_api(admin: Caller) -> str:
    apis = admin.get("/apis")["apis"]
    return str(next(api["id"] for api in apis if api["name"] == "Users API"))


def management_api(admin: Caller) -> str:
    return str(next(api["id"] for api in admin.get("/apis")["apis"] if api["is_management_api"]))


def test_all_apis_are_listed_by_name(admin: Caller) -> None:
    body = admin.get("/apis")

    assert list(body) == ["code", "message", "next_token", "apis"]
    assert (body["code"], body["message"], body["next_token"]) == ("OK", "Success", None)
    management, users = body["apis"][:2]
    assert re.fullmatch("[0-9a-f]{32}", users["id"])
    assert users == {
        "id": users["id"],
        "name": "Users API",
        "audience": "https://api.demo.example",
        "is_management_api": False,
        "scopes": None,
    }
    assert (management["audience"], management["is_management_api"]) == (AUDIENCE, True)


def test_expanded_apis_list_their_scopes(admin: Caller) -> None:
    users = next(
        api for api in admin.get("/apis?expand=scopes")["apis"] if api["name"] == "Users API"
    )
    assert [scope["key"] for scope in users["scopes"]] == list(SCOPES)
    assert list(users["scopes"][0]) == ["id", "key"]
    assert re.fullmatch("api_scope_[0-9a-f]{32}", users["scopes"][0]["id"])


def test_a_new_api_is_shown_and_deleted(admin: Caller) -> None:
    created = admin.post("/apis", {"name": "Orders", "audience": "urn:orders"})
    api_id = created["api"]["id"]

    assert created == {"code": "OK", "message": "Success", "api": {"id": api_id}}
    assert admin.get(f"/apis/{api_id}") == {
        **OK,
        "api": {
            "id": api_id,
            "name": "Orders",
            "audience": "urn:orders",
            "is_management_api": False,
            "scopes": [],
            "applications": [],
        },
    }
    assert admin.delete(f"/apis/{api_id}") == {
        "code": "API_DELETED",
        "message": "API successfully deleted",
    }
    assert admin.get(f"/apis/{api_id}", 400) == NO_API
    assert admin.delete(f"/apis/{api_id}", 400) == NO_API


def test_an_api_shows_its_applications_with_the_display_type(admin: Caller, tenant: Tenant) -> None:
    (api,) = [admin.get(f"/apis/{users_api(admin)}")["api"]]
    back_office = tenant.store.applications()[0]

    assert api["applications"][0] == {
        "id": back_office.client_id,
        "name": "Back office",
        "type": "Machine to machine (M2M)",
        "is_active": True,
    }


@pytest.mark.parametrize(
    "audience",
    ["https://api.demo.example", AUDIENCE, f"{AUDIENCE}/v1", "https://127.0.0.1:8787/api"],
)
def test_an_audience_that_is_taken_is_refused(admin: Caller, audience: str) -> None:
    assert admin.post("/apis", {"name": "Again", "audience": audience}, 400) == TAKEN


def test_a_scope_is_added_described_and_deleted(admin: Caller) -> None:
    api_id = add_api(admin, "described")
    created = admin.post(f"/apis/{api_id}/scopes", {"key": "read:logs", "description": "Logs"})
    scope_id = created["scope"]["id"]

    assert created == {**OK, "scope": {"id": scope_id}}
    shown = {"id": scope_id, "key": "read:logs", "description": "Logs"}
    assert admin.get(f"/apis/{api_id}/scopes") == {**OK, "scopes": [shown]}
    assert admin.get(f"/apis/{api_id}/scopes/{scope_id}") == {**OK, "scope": shown}
    assert admin.patch(f"/apis/{api_id}/scopes/{scope_id}", {"description": "All"}) == OK
    assert admin.get(f"/apis/{api_id}/scopes/{scope_id}")["scope"]["description"] == "All"
    assert admin.patch(f"/apis/{api_id}/scopes/{scope_id}", {}) == OK
    assert admin.get(f"/apis/{api_id}/scopes/{scope_id}")["scope"]["description"] == "All"
    assert admin.delete(f"/apis/{api_id}/scopes/{scope_id}") == OK
    assert admin.get(f"/apis/{api_id}/scopes/{scope_id}", 400) == NO_SCOPE
    assert admin.delete(f"/apis/{api_id}/scopes/{scope_id}", 400) == NO_SCOPE


def test_the_name_of_a_scope_never_changes(admin: Caller) -> None:
    api_id = add_api(admin, "immutable")
    scope_id = add_scope(admin, api_id)
    admin.patch(f"/apis/{api_id}/scopes/{scope_id}", {"key": "write"})

    assert admin.get(f"/apis/{api_id}/scopes/{scope_id}")["scope"]["key"] == "read"


def test_a_scope_name_is_taken_once_in_an_api_and_free_in_another(admin: Caller) -> None:
    one, other = add_api(admin, "one"), add_api(admin, "other")
    add_scope(admin, one)

    assert admin.post(f"/apis/{one}/scopes", {"key": "read"}, 400) == TAKEN
    scope_id = add_scope(admin, other)
    assert admin.get(f"/apis/{one}/scopes/{scope_id}", 400) == NO_SCOPE
    assert admin.delete(f"/apis/{one}/scopes/{scope_id}", 400) == NO_SCOPE


@pytest.mark.parametrize("key", ["", "two words", "tab\there", "x" * 65, "nul\0", "\u2003"])
def test_what_is_no_scope_name_is_refused(admin: Caller, key: str) -> None:
    answer = admin.ask("POST", f"/apis/{users_api(admin)}/scopes", {"key": key})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "INVALID_REQUEST"


def test_an_application_is_authorised_granted_and_revoked(admin: Caller, tenant: Tenant) -> None:
    api_id = add_api(admin, "granted")
    read, write = add_scope(admin, api_id), add_scope(admin, api_id, "write")
    client_id = tenant.store.add_application("Nightly").client_id
    scopes = f"/apis/{api_id}/applications/{client_id}/scopes"
    refused = errors("APPLICATION_NOT_AUTHORIZED", "The application is not authorized for the API")

    assert admin.post(f"{scopes}/{read}", status=400) == refused
    assert admin.patch(f"/apis/{api_id}/applications", {"applications": [{"id": client_id}]}) == {
        "code": "API_APPLICATIONS_UPDATED",
        "message": "API applications updated",
        "applications_disconnected": [],
        "applications_connected": [client_id],
    }
    for scope_id in (read, write, write):
        assert admin.post(f"{scopes}/{scope_id}") == OK
    assert tenant.store.granted_scope_ids(client_id, api_id) == {read, write}
    assert admin.delete(f"{scopes}/{read}") == OK
    assert admin.delete(f"{scopes}/{read}") == OK
    assert tenant.store.application(client_id).apis[0].scopes == ("write",)  # type: ignore[union-attr]

    change = {"applications": [{"id": client_id, "operation": "delete"}]}
    disconnected = admin.patch(f"/apis/{api_id}/applications", change)
    assert disconnected["applications_disconnected"] == [client_id]
    assert tenant.store.application(client_id).apis == ()  # type: ignore[union-attr]


def test_one_unknown_application_among_several_changes_nothing(
    admin: Caller, tenant: Tenant
) -> None:
    api_id = add_api(admin, "half")
    client_id = tenant.store.add_application("Known").client_id
    changes = {"applications": [{"id": client_id}, {"id": "nobody"}]}

    assert admin.patch(f"/apis/{api_id}/applications", changes, 400) == errors(
        "APPLICATION_NOT_FOUND", "There is no application of one of those ids"
    )
    assert not tenant.store.is_authorised(client_id, api_id)


def test_the_management_api_cannot_be_changed(admin: Caller, tenant: Tenant) -> None:
    api_id = management_api(admin)
    scope_id = admin.get(f"/apis/{api_id}/scopes")["scopes"][0]["id"]

    assert admin.delete(f"/apis/{api_id}", 400) == FIXED
    assert admin.post(f"/apis/{api_id}/scopes", {"key": "mine"}, 400) == FIXED
    assert admin.patch(f"/apis/{api_id}/scopes/{scope_id}", {"description": "x"}, 400) == FIXED
    assert admin.delete(f"/apis/{api_id}/scopes/{scope_id}", 400) == FIXED
    assert len(admin.get(f"/apis/{api_id}/scopes")["scopes"]) == 149
