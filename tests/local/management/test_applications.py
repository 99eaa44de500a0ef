from __future__ import annotations

import re

import pytest

from kinde_guard.local import Tenant
from tests.local.management.callers import OK, Caller, errors

NO_APPLICATION = errors("APPLICATION_NOT_FOUND", "There is no application of that id")


def create(admin: Caller, **fields: object) -> dict[str, str]:
    body = {"name": "Job", "type": "m2m", **fields}
    made: dict[str, str] = admin.post("/applications", body, 201)["application"]
    return made


def test_a_new_application_gets_credentials_in_kindes_form(admin: Caller) -> None:
    created = admin.post("/applications", {"name": "Job", "type": "m2m"}, 201)
    application = created["application"]

    assert created == {**OK, "application": application}
    assert list(application) == ["id", "client_id", "client_secret"]
    assert application["id"] == application["client_id"]
    assert re.fullmatch("[0-9a-f]{32}", application["id"])
    assert re.fullmatch("[A-Za-z0-9]{52}", application["client_secret"])


def test_an_application_is_shown_with_its_code_type_and_secret(admin: Caller) -> None:
    made = create(admin, name="Site", type="reg")

    assert admin.get(f"/applications/{made['id']}") == {
        **OK,
        "application": {
            "id": made["id"],
            "name": "Site",
            "type": "reg",
            "client_id": made["id"],
            "client_secret": made["client_secret"],
            "login_uri": "",
            "homepage_uri": "",
            "has_cancel_button": False,
        },
    }


def test_an_application_is_changed_and_what_is_absent_stays(admin: Caller, tenant: Tenant) -> None:
    made = create(admin, type="spa")
    path = f"/applications/{made['id']}"
    uris = ["https://a.example/done"]

    assert admin.patch(path, {"name": "New", "logout_uris": uris}) == OK
    assert admin.patch(path, {"homepage_uri": "https://a.example"}) == OK
    assert admin.patch(path) == OK
    shown = admin.get(path)["application"]
    assert (shown["name"], shown["homepage_uri"]) == ("New", "https://a.example")
    kept = tenant.store.application(made["id"])
    assert kept is not None
    assert (kept.logout_uris, kept.redirect_uris) == (tuple(uris), ())


def test_lifetimes_are_changed_and_what_is_absent_stays(admin: Caller, tenant: Tenant) -> None:
    path = f"/applications/{(made := create(admin))['id']}/tokens"
    lifetimes = {"access_token_lifetime": 60, "authenticated_session_lifetime": 90}

    assert admin.patch(path, lifetimes) == OK
    assert admin.patch(path, {"id_token_lifetime": 30, "is_hasura_mapping_enabled": True}) == OK
    kept = tenant.store.application(made["id"])
    assert kept is not None
    assert (kept.token_lifetime, kept.refresh_token_lifetime) == (60, 1_296_000)
    assert (kept.id_token_lifetime, kept.session_lifetime) == (30, 90)
    assert kept.is_hasura_mapping_enabled is True


@pytest.mark.parametrize("seconds", [0, -1, 2**63, "60", 1.5, True])
def test_what_is_no_lifetime_is_refused(admin: Caller, seconds: object) -> None:
    path = f"/applications/{create(admin)['id']}/tokens"
    answer = admin.ask("PATCH", path, {"access_token_lifetime": seconds})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"].startswith("body.access_token_lifetime: ")


def test_a_deleted_application_is_gone(admin: Caller) -> None:
    path = f"/applications/{create(admin)['id']}"

    assert admin.delete(path) == OK
    assert admin.delete(path, 400) == NO_APPLICATION
    assert admin.get(path, 400) == NO_APPLICATION
    assert admin.patch(path, {"name": "x"}, 400) == NO_APPLICATION
    assert admin.patch(f"{path}/tokens", {"access_token_lifetime": 1}, 400) == NO_APPLICATION


def test_an_application_of_an_organization_is_for_one_that_exists(
    admin: Caller, tenant: Tenant
) -> None:
    made = create(admin, org_code="org_1ccfb819462")
    kept = tenant.store.application(made["id"])
    assert kept is not None
    assert kept.org_code == "org_1ccfb819462"

    body = {"name": "Job", "type": "m2m", "org_code": "org_none"}
    assert admin.post("/applications", body, 400) == errors(
        "ORGANIZATION_NOT_FOUND", "There is no organization of that code"
    )


def test_applications_are_listed_page_by_page(admin: Caller, tenant: Tenant) -> None:
    for letter in "abcdefghijk":
        tenant.store.add_application(f"Z {letter}")
    names, token = [], ""
    for _ in range(20):
        page = admin.get(f"/applications?page_size=4{token}")
        assert list(page["applications"][0]) == ["id", "name", "type"]
        names += [application["name"] for application in page["applications"]]
        if page["next_token"] is None:
            break
        token = f"&next_token={page['next_token']}"
    known = [application.name for application in tenant.store.applications()]

    assert names == sorted(known)
    assert len(admin.get("/applications")["applications"]) == 10
    assert admin.get("/applications?page_size=500")["next_token"] is None


def test_applications_are_sorted_as_asked(admin: Caller) -> None:
    first = admin.get("/applications?sort=name_desc&page_size=3")
    rest = admin.get(f"/applications?page_size=500&next_token={first['next_token']}")
    names = [one["name"] for page in (first, rest) for one in page["applications"]]

    assert names == sorted(names, reverse=True)
    assert len(first["applications"]) == 3
