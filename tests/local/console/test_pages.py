"""What a person does on the pages, form by form: what is written, and what the next page says."""

from __future__ import annotations

import html

import pytest

from kinde_guard.local import Application, Tenant
from kinde_guard.local.store import Api
from tests.local.console.person import NOT_THERE, Controls, Person, assert_problem, notice

GONE_APPLICATION = "There is no such application; it may have been deleted."
GONE_API = "There is no such API; it may have been deleted."
KINDES_OWN = "The Management API belongs to Kinde: it cannot be changed here."


def granted(tenant: Tenant, application: Application, api: Api) -> set[str]:
    ids = tenant.store.granted_scope_ids(application.client_id, api.id)
    return {scope.key for scope in api.scopes if scope.id in ids}


def scope_id(api: Api, key: str) -> str:
    return next(scope.id for scope in api.scopes if scope.key == key)


# Applications


def test_the_first_page_lists_the_applications_with_what_they_hold(person: Person) -> None:
    page = person.open("/")

    assert page.status_code == 200
    for words in ("Back office", "Reporting", "6 of 6 scopes", "2 of 6 scopes", "Website"):
        assert words in page.text


def test_a_tenant_without_applications_or_apis_says_what_to_do(
    tenant: Tenant, person: Person
) -> None:
    for application in tenant.store.applications():
        tenant.store.delete_application(application.client_id)
    for api in tenant.store.apis():
        tenant.store.delete_api(api.id)

    assert "There is no application yet." in person.open("/").text
    assert "There is no API yet." in person.open("/apis").text
    done = person.done("/applications", name="First", type="m2m")
    assert done == "First was created. Next, say which APIs it may call."
    created = tenant.store.applications()[0]
    assert "Create an API" in person.open(f"/applications/{created.client_id}").text


@pytest.mark.parametrize("kind", ["m2m", "reg", "spa", "device"])
def test_an_application_is_created(tenant: Tenant, person: Person, kind: str) -> None:
    done = person.done("/applications", name="  Nachtlauf <b>ü</b>  ", type=kind)

    created = tenant.store.applications()[-1]
    assert done == "Nachtlauf <b>ü</b> was created. Next, say which APIs it may call."
    assert (created.name, created.type, created.apis) == ("Nachtlauf <b>ü</b>", kind, ())
    page = person.open(f"/applications/{created.client_id}").text
    assert "Nachtlauf &lt;b&gt;ü&lt;/b&gt;" in page
    assert "<b>ü" not in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "", "type": "m2m"}, "The name is missing: fill it in."),
        ({"name": " \t", "type": "m2m"}, "The name is missing: fill it in."),
        ({"name": "a" * 65, "type": "m2m"}, "The name is too long: it may have 64 characters."),
        ({"name": "a\nb", "type": "m2m"}, "The name must be one line of text."),
        ({"name": "a\x00b", "type": "m2m"}, "The name must be one line of text."),
        ({"name": '"><script>', "type": "robot"}, "Choose one of the types."),
        ({"name": "Mine"}, "Choose one of the types."),
    ],
)
def test_an_application_that_cannot_be_is_422_and_the_form_keeps_what_was_typed(
    tenant: Tenant, person: Person, fields: dict[str, str], sentence: str
) -> None:
    before = tenant.store.applications()

    page = person.send("/applications", **fields)

    assert (page.status_code, notice(page)) == (422, sentence)
    assert (
        f'name="name" type="text" value="{html.escape(fields["name"])}"'.replace("&quot;", "&#34;")
        in page.text
    )
    assert tenant.store.applications() == before


def test_settings_are_saved(tenant: Tenant, person: Person, back_office: Application) -> None:
    path = f"/applications/{back_office.client_id}"

    assert person.done(path, name="Front office", lifetime="60") == "Saved."
    changed = tenant.store.application(back_office.client_id)
    assert changed is not None
    assert (changed.name, changed.token_lifetime) == ("Front office", 60)


@pytest.mark.parametrize("lifetime", ["", "0", "-1", "1.5", "x", "nan", "inf", "1e99", "31536001"])
def test_a_lifetime_that_cannot_be_is_422(
    tenant: Tenant, person: Person, back_office: Application, lifetime: str
) -> None:
    answer = person.send(
        f"/applications/{back_office.client_id}", name="Front office", lifetime=lifetime
    )

    assert answer.status_code == 422
    assert notice(answer).startswith("The token lifetime must be a")
    assert 'value="Front office"' in answer.text
    assert tenant.store.application(back_office.client_id) == back_office


def test_an_application_is_deleted(
    tenant: Tenant, person: Person, back_office: Application
) -> None:
    path = f"/applications/{back_office.client_id}"

    assert person.done(f"{path}/delete") == "Back office was deleted."
    assert tenant.store.application(back_office.client_id) is None
    assert_problem(person.open(path), 404, GONE_APPLICATION)
    assert_problem(person.send(f"{path}/delete"), 404, GONE_APPLICATION)


# Switches


def test_what_is_switched_is_saved_and_said(
    tenant: Tenant, person: Person, back_office: Application, users_api: Api
) -> None:
    path = f"/applications/{back_office.client_id}/apis/{users_api.id}/scopes"
    every = [scope.id for scope in users_api.scopes]
    rest = [each for each in every if each != scope_id(users_api, "update:users")]

    off = person.done(path, was_on=every, scope=rest)
    held = granted(tenant, back_office, users_api)
    on = person.done(path, was_on=rest, scope=every)

    assert off == (
        "Saved: update:users is now off."
        " Tokens that were issued before keep what they hold until they expire."
    )
    assert held == {scope.key for scope in users_api.scopes} - {"update:users"}
    assert on == "Saved: update:users is now on."
    assert granted(tenant, back_office, users_api) == {scope.key for scope in users_api.scopes}
    assert person.done(path, was_on=every, scope=every) == (
        "Nothing was changed: every switch was as it is."
    )


def test_several_switches_are_named_and_many_are_counted(
    person: Person, back_office: Application, users_api: Api
) -> None:
    path = f"/applications/{back_office.client_id}/apis/{users_api.id}/scopes"
    every = [scope.id for scope in users_api.scopes]

    assert person.done(path, was_on=every, scope=every[2:]).startswith(
        "Saved: create:users and read:users are now off."
    )
    assert person.done(path, was_on=every[2:], scope=every[:2]).startswith(
        "Saved: create:users and read:users are now on, and delete:users, read:roles,"
        " update:roles and update:users are now off."
    )
    assert person.done(path, was_on=every, scope=[]).startswith("Saved: 6 scopes are now off.")


def test_a_page_that_was_open_for_long_undoes_nothing_that_others_did(
    tenant: Tenant, person: Person, back_office: Application, users_api: Api
) -> None:
    path = f"/applications/{back_office.client_id}/apis/{users_api.id}/scopes"
    shown = [scope.id for scope in users_api.scopes]
    deleted = scope_id(users_api, "delete:users")
    tenant.store.revoke_grant(
        back_office.client_id, users_api.id, scope_id(users_api, "read:roles")
    )
    tenant.store.delete_scope(users_api.id, deleted)

    kept = [each for each in shown if each not in {deleted, scope_id(users_api, "update:users")}]
    person.done(path, was_on=shown, scope=kept)

    assert granted(tenant, back_office, users_api) == {"read:users", "create:users", "update:roles"}


@pytest.mark.parametrize("odd", ["x", "", "api_scope_" + NOT_THERE])
def test_a_scope_that_is_not_there_is_422_and_nothing_is_saved(
    tenant: Tenant, person: Person, back_office: Application, users_api: Api, odd: str
) -> None:
    path = f"/applications/{back_office.client_id}/apis/{users_api.id}/scopes"
    before = granted(tenant, back_office, users_api)

    answer = person.send(path, scope=[odd], was_on=[scope_id(users_api, "read:users")])

    assert_problem(answer, 422, "Nothing was saved: the API or its scopes have changed")
    assert granted(tenant, back_office, users_api) == before


def test_a_scope_of_another_api_is_422(
    person: Person, back_office: Application, users_api: Api, management_api: Api
) -> None:
    path = f"/applications/{back_office.client_id}/apis/{users_api.id}/scopes"

    assert person.send(path, scope=[management_api.scopes[0].id]).status_code == 422


def test_access_is_given_and_removed(
    tenant: Tenant, person: Person, back_office: Application, management_api: Api
) -> None:
    path = f"/applications/{back_office.client_id}/apis/{management_api.id}"

    given = person.done(f"{path}/authorise")
    is_given = tenant.store.is_authorised(back_office.client_id, management_api.id)
    taken = person.done(f"{path}/deauthorise")

    name = management_api.name
    assert given == f"Back office may now ask for {name}. Switch on what it needs."
    assert is_given
    assert taken == f"Back office may no longer ask for {name}."
    assert not tenant.store.is_authorised(back_office.client_id, management_api.id)
    assert_problem(person.send(f"{path}/scopes"), 422, "Nothing was saved")


@pytest.mark.parametrize("action", ["authorise", "deauthorise", "scopes", "tokens"])
def test_a_form_about_what_is_gone_is_404(
    person: Person, back_office: Application, users_api: Api, action: str
) -> None:
    application, api = back_office.client_id, users_api.id
    lost = person.send(f"/applications/{NOT_THERE}/apis/{api}/{action}")
    unknown = person.send(f"/applications/{application}/apis/{NOT_THERE}/{action}")

    assert_problem(lost, 404, GONE_APPLICATION)
    assert_problem(unknown, 404, GONE_API)


# APIs


def test_an_api_and_its_scopes_are_created_and_deleted(tenant: Tenant, person: Person) -> None:
    done = person.done("/apis", name="Orders", audience="orders")
    api = next(api for api in tenant.store.apis() if api.audience == "orders")
    path = f"/apis/{api.id}"

    assert done == "Orders was created. Next, add its scopes."
    assert person.done(f"{path}/scopes", key="read:orders", description="<i>See</i>") == (
        "read:orders was added. No application holds it yet."
    )
    scope = tenant.store.apis()[[a.id for a in tenant.store.apis()].index(api.id)].scopes[0]
    assert (scope.key, scope.description) == ("read:orders", "<i>See</i>")
    assert "&lt;i&gt;See" in person.open(path).text
    assert person.done(f"{path}/scopes/{scope.id}/delete") == "read:orders was deleted."
    assert_problem(
        person.send(f"{path}/scopes/{scope.id}/delete"),
        404,
        "There is no such scope; it may have been deleted.",
    )
    assert person.done(f"{path}/delete") == "Orders was deleted."
    assert tenant.store.api(api.id) is None
    assert_problem(person.open(path), 404, GONE_API)


TAKEN = "Another API has this audience: choose one that is not taken."


@pytest.mark.parametrize(
    ("audience", "sentence"),
    [
        ("", "The audience is missing: fill it in."),
        ("a" * 65, "The audience is too long: it may have 64 characters."),
        ("two words", "The audience must be one word, such as https://api.example.com."),
        ("https://api.demo.example", TAKEN),
        ("http://127.0.0.1:8787/api", TAKEN),
        ("https://127.0.0.1:8787/api", TAKEN),
        (
            "http://127.0.0.1:8787",
            "The audience cannot be the issuer: guards refuse such tokens.",
        ),
    ],
)
def test_an_api_that_cannot_be_is_422_and_the_form_keeps_what_was_typed(
    tenant: Tenant, person: Person, audience: str, sentence: str
) -> None:
    before = tenant.store.apis()

    page = person.send("/apis", name="Orders", audience=audience)

    assert (page.status_code, notice(page)) == (422, sentence)
    assert 'value="Orders"' in page.text
    assert f'value="{audience}"' in page.text
    assert tenant.store.apis() == before


@pytest.mark.parametrize("key", ["", "a b", 'a"b', "a\\b", "ü", "a" * 65, "read:users"])
def test_a_scope_that_cannot_be_is_422_and_the_form_keeps_what_was_typed(
    tenant: Tenant, person: Person, users_api: Api, key: str
) -> None:
    page = person.send(f"/apis/{users_api.id}/scopes", key=key, description="About it")

    assert page.status_code == 422
    assert notice(page)
    assert 'value="About it"' in page.text
    assert f'name="key" type="text" value="{html.escape(key)}"'.replace("&quot;", "&#34;") in (
        page.text
    )
    assert tenant.store.api(users_api.id) == users_api


@pytest.mark.parametrize("action", ["delete", "scopes", "document", "document/forget"])
def test_kindes_own_api_cannot_be_changed(
    tenant: Tenant, person: Person, management_api: Api, action: str
) -> None:
    answer = person.send(f"/apis/{management_api.id}/{action}", key="read:mine")

    assert_problem(answer, 422, KINDES_OWN)
    assert tenant.store.api(management_api.id) == management_api


# Bad days


def test_keys_are_rotated_and_kept_or_withdrawn(tenant: Tenant, person: Person) -> None:
    first = tenant.keys.current.kid

    kept = person.done("/rehearse/keys", keep_old="yes")
    both = [key.kid for key in tenant.keys.keys]
    withdrawn = person.done("/rehearse/keys", keep_old="no")

    assert kept == (
        "A new key signs from now on."
        " The former keys stay published: tokens that they signed stay good."
    )
    assert (both[0], len(both)) == (first, 2)
    assert withdrawn == (
        "A new key signs from now on."
        " The former keys are withdrawn: tokens that they signed are no longer good."
    )
    assert not {key.kid for key in tenant.keys.keys} & set(both)


FAULT = {"endpoint": "token", "what": "status", "status": "503", "seconds": "2.5", "size": "9"}


def test_a_fault_is_set_shown_and_ended(tenant: Tenant, person: Person) -> None:
    said = person.done("/rehearse/faults", **FAULT)

    (fault,) = tenant.faults.active
    assert said == (
        "Token endpoint answers with a status you choose, from now on and until you end it."
    )
    assert (fault.what, fault.endpoint) == ("status", "token")
    assert (fault.status, fault.seconds, fault.size) == (503, 2.5, 9)
    assert "in force" in person.open("/rehearse").text
    assert person.done("/rehearse/faults/recover") == "All faults are over."
    assert tenant.faults.active == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"what": "odd"}, "Choose what is to go wrong."),
        ({"what": "no_keys"}, "Only the key set can do that: choose it as the endpoint."),
        ({"endpoint": "odd"}, "Choose an endpoint."),
        ({"endpoint": None}, "Choose an endpoint."),
        ({"status": "199"}, "The status must be a number from 200 to 599."),
        ({"status": "x"}, "The status must be a number from 200 to 599."),
        ({"seconds": "nan"}, "The seconds must be a number from 0 to 3600."),
        ({"seconds": "-1"}, "The seconds must be a number from 0 to 3600."),
        ({"size": "1e300"}, "The size must be a number from 0 to 1.67772e+07."),
    ],
)
def test_a_fault_that_cannot_be_is_422(
    tenant: Tenant, person: Person, change: dict[str, str | None], sentence: str
) -> None:
    answer = person.send("/rehearse/faults", **{**FAULT, **change})

    assert (answer.status_code, notice(answer)) == (422, sentence)
    assert tenant.faults.active == ()


def test_the_clock_is_moved_stopped_and_reset(tenant: Tenant, person: Person) -> None:
    now = tenant.clock()

    assert person.done("/rehearse/clock", do="forward", amount="25", unit="hours") == (
        "The clock was moved forward by 1 day 1 hour."
    )
    assert tenant.clock() == now + 90_000
    assert person.done("/rehearse/clock", do="back", amount="2", unit="days") == (
        "The clock was moved back by 2 days."
    )
    assert tenant.clock() == now - 82_800
    assert person.done("/rehearse/clock", do="freeze") == "The clock stands still."
    assert tenant.clock.is_frozen
    assert "It stands still." in person.open("/rehearse").text
    assert person.done("/rehearse/clock", do="reset") == "The clock shows the real time again."
    assert (tenant.clock(), tenant.clock.is_frozen) == (now, False)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"do": "odd"}, "Choose what to do with the clock."),
        ({}, "Choose what to do with the clock."),
        ({"do": "forward", "unit": "hours"}, "The amount must be a number from 0 to 1e+06."),
        ({"do": "forward", "amount": "1", "unit": "years"}, "Choose minutes, hours or days."),
        (
            {"do": "back", "amount": "1000000", "unit": "days"},
            "The clock can show the years 1970 to 9999 only.",
        ),
    ],
)
def test_a_time_that_cannot_be_is_422(
    tenant: Tenant, person: Person, fields: dict[str, str], sentence: str
) -> None:
    now = tenant.clock()

    answer = person.send("/rehearse/clock", **fields)

    assert (answer.status_code, notice(answer)) == (422, sentence)
    assert tenant.clock() == now


# Every page


def test_every_control_has_a_name_and_nothing_is_inline(
    person: Person, back_office: Application, users_api: Api, management_api: Api
) -> None:
    paths = ["/", "/apis", "/rehearse", "/nothing", f"/applications/{back_office.client_id}"]
    for path in [*paths, f"/apis/{users_api.id}", f"/apis/{management_api.id}"]:
        page = Controls(person.open(path).text)
        assert (path, page.unnamed, page.odd) == (path, [], [])
        assert len(page.ids) == len(set(page.ids))


def test_a_page_that_is_not_there_is_404(person: Person) -> None:
    assert_problem(
        person.open("/nothing"),
        404,
        "The address is wrong, or what it was about has been deleted.",
    )
