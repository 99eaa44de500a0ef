"""API keys, feature flags, webhooks, addresses, secrets and the sign of a rehearsal."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette

from kinde_guard.local import Application, Tenant
from kinde_guard.local.console import console_routes
from kinde_guard.local.store import Api
from kinde_guard.local.webhooks import EVENT_TYPES
from kinde_guard.local.webhooks.observing import SendEvents
from tests.local.console.person import Controls, Person, assert_problem, notice

NOWHERE = "http://127.0.0.1:9/webhooks"


@pytest.fixture
def website(tenant: Tenant) -> Application:
    return next(each for each in tenant.store.applications() if each.type == "reg")


@pytest.fixture
def front_end(tenant: Tenant) -> Application:
    return next(each for each in tenant.store.applications() if each.type == "spa")


@pytest.fixture
def watched(tenant: Tenant) -> Iterator[Person]:
    """A person at a console whose changes are sent as events."""
    yield Person(SendEvents(Starlette(routes=console_routes(tenant)), tenant))
    tenant.webhooks.close()


@pytest.mark.parametrize("path", ["/flags", "/keys", "/webhooks"])
def test_a_page_names_all_its_controls(person: Person, path: str) -> None:
    page = person.open(path)

    controls = Controls(page.text)
    assert page.status_code == 200
    assert (controls.unnamed, controls.odd) == ([], [])
    assert len(controls.ids) == len(set(controls.ids))


# API keys


def test_a_key_is_made_with_scopes_and_its_secret_is_shown_once(
    tenant: Tenant, person: Person, users_api: Api
) -> None:
    scope = users_api.scopes[0]
    answer = person.send(
        "/keys", name="Nightly", api_id=users_api.id, owner="environment:", scope=scope.id
    )
    page = person.open("/keys")

    shown = re.search(r'id="new-key">(k_live_[A-Za-z0-9]{40})<', page.text)
    assert answer.status_code == 303
    assert notice(page) == "Nightly was created. Copy it now: it cannot be shown again."
    assert shown is not None
    assert shown[1] not in person.open("/keys").text
    verified = tenant.store.verify_api_key(shown[1], now=1_780_000_000, ip="192.0.2.1")
    assert verified is not None
    assert verified.scopes == (scope.key,)
    used = person.open("/keys").text
    assert "Last used 28 May 2026, 20:26:40 UTC from 192.0.2.1, 1 time in all" in used


def test_a_key_is_rotated_and_revoked(tenant: Tenant, person: Person, users_api: Api) -> None:
    key, first = tenant.store.add_api_key("Nightly", users_api.id, type="environment")

    rotated = person.done(f"/keys/{key.id}/rotate")
    assert rotated.startswith("Nightly has a new secret; the former one is refused.")
    assert tenant.store.verify_api_key(first, now=1, ip="") is None
    revoked = person.done(f"/keys/{key.id}/revoke")
    assert revoked == "Nightly was revoked: it is refused from now on."
    assert tenant.store.api_keys() == []
    for what in ("rotate", "revoke"):
        assert_problem(person.send(f"/keys/{key.id}/{what}"), 404, "There is no such API key")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": ""}, "The name is missing: fill it in."),
        ({"api_id": "none"}, "Choose one of the APIs."),
        ({"scope": "none"}, "The API has lost one of these scopes. Choose again."),
        ({"owner": ""}, "Choose to whom the key belongs."),
        ({"owner": "user:kp_none"}, "Choose to whom the key belongs."),
        ({"owner": "organization:"}, "Choose to whom the key belongs."),
    ],
)
def test_a_key_that_cannot_be_is_422(
    tenant: Tenant, person: Person, users_api: Api, changed: dict[str, str], sentence: str
) -> None:
    fields = {"name": "Nightly", "api_id": users_api.id, "owner": "environment:", **changed}

    page = person.send("/keys", **fields)

    assert (page.status_code, notice(page)) == (422, sentence)
    assert tenant.store.api_keys() == []


# Flags


def test_a_flag_is_created_set_and_deleted(tenant: Tenant, person: Person) -> None:
    created = person.done("/flags", name="Limit", key="limit", type="int", value="3")
    value = person.done("/flags/value", key="limit", value="4")
    flag = tenant.store.feature_flag("limit")

    assert created == "Limit was created."
    assert value == "Limit was set for everyone without a value of their own."
    assert flag is not None
    assert flag.value == 4
    wrong = person.send("/flags/value", key="limit", value="x")
    assert (wrong.status_code, notice(wrong)) == (422, "The value must be a whole number.")
    assert person.done("/flags/delete", key="limit") == "Limit was deleted."
    gone = person.send("/flags/delete", key="limit")
    assert (gone.status_code, notice(gone)) == (422, "There is no such feature flag any more.")
    taken = person.send("/flags", name="Theme", key="theme", type="str", value="x")
    assert notice(taken) == "This is taken already: choose another."


# Webhooks


def test_a_person_deleted_on_the_console_is_an_event_of_source_admin(
    tenant: Tenant, watched: Person
) -> None:
    ada = tenant.store.users()[0]
    added = watched.done("/webhooks", endpoint=NOWHERE, event_type=list(EVENT_TYPES))

    watched.done(f"/people/{ada.id}/delete")

    assert added == f"{NOWHERE} is sent 27 types of event."
    [delivery] = tenant.webhooks.deliveries
    assert (delivery.event.type, delivery.event.source) == ("user.deleted", "admin")
    assert delivery.event.data == {"user": {"id": ada.id}}
    page = watched.open("/webhooks").text
    assert "<code>user.deleted</code>" in page
    assert "by admin" in page


def test_an_event_is_sent_on_demand(tenant: Tenant, watched: Person) -> None:
    ada = tenant.store.users()[0]
    none = watched.send("/webhooks/send", type="user.deleted", user_id=ada.id)
    assert notice(none) == "No endpoint is sent user.deleted: add one first."
    watched.done("/webhooks", endpoint=NOWHERE, event_type="user.deleted")

    sent = watched.done("/webhooks/send", type="user.deleted", user_id=ada.id)

    assert sent == "user.deleted goes to 1 endpoint."
    assert [each.event.data for each in tenant.webhooks.deliveries] == [{"user": {"id": ada.id}}]
    assert tenant.store.user(ada.id) == ada
    odd = watched.send("/webhooks/send", type="user.deleted", user_id="kp_none")
    assert notice(odd) == "Choose one of the people."
    webhook = tenant.webhooks.all[0]
    deleted = watched.done(f"/webhooks/{webhook.id}/delete")
    assert deleted == "The endpoint is sent no more events."
    assert_problem(watched.send(f"/webhooks/{webhook.id}/delete"), 404, "There is no such webhook")


@pytest.mark.parametrize(
    "endpoint", ["ftp://x/y", "javascript:x", "http://", "/webhooks", "http://[a"]
)
def test_an_endpoint_that_cannot_be_is_422(tenant: Tenant, person: Person, endpoint: str) -> None:
    page = person.send("/webhooks", endpoint=endpoint, event_type="user.deleted")

    assert page.status_code == 422
    assert notice(page).startswith("The address must be a URL such as")
    assert tenant.webhooks.all == []


# Applications


def test_addresses_are_saved(tenant: Tenant, person: Person, website: Application) -> None:
    path = f"/applications/{website.client_id}/addresses"

    done = person.done(path, callbacks="http://a.test/cb\r\n\r\n http://a.test/cb \r\n", logouts="")

    changed = tenant.store.application(website.client_id)
    assert done == "The addresses were saved."
    assert changed is not None
    assert (changed.redirect_uris, changed.logout_uris) == (("http://a.test/cb",), ())


def test_an_address_that_cannot_be_is_422_and_kept_in_the_form(
    tenant: Tenant, person: Person, website: Application
) -> None:
    page = person.send(
        f"/applications/{website.client_id}/addresses", callbacks="/cb", logouts="http://a.test/"
    )

    assert page.status_code == 422
    assert notice(page).startswith("/cb is no address to be led to")
    assert ">/cb</textarea>" in page.text
    assert tenant.store.application(website.client_id) == website


def test_token_customization_is_saved(tenant: Tenant, person: Person, website: Application) -> None:
    person.done(f"/applications/{website.client_id}/customization", claim=["email", "org_name"])

    changed = tenant.store.application(website.client_id)
    assert changed is not None
    shown = changed.token_customization
    assert (shown.email, shown.org_name, shown.roles) == (True, True, False)
    assert not shown.api_scopes_in_permissions


def test_a_secret_is_on_the_page_only_once_its_form_was_sent(
    person: Person, website: Application
) -> None:
    path = f"/applications/{website.client_id}"
    before = person.open(path)
    answer = person.send(f"{path}/secret")
    shown, after = person.open(path), person.open(path)

    assert website.client_secret not in before.text
    assert (answer.status_code, answer.content) == (303, b"")
    assert website.client_secret in shown.text
    assert website.client_secret not in after.text


def test_a_secret_is_not_shown_to_another_session_or_site(
    app: Starlette, person: Person, website: Application
) -> None:
    path = f"/applications/{website.client_id}"
    person.send(f"{path}/secret")
    elsewhere = {"Origin": "http://127.0.0.1:9999", "Sec-Fetch-Site": "same-site"}

    assert website.client_secret not in Person(app).open(path).text
    assert person.send_from(elsewhere, f"{path}/secret").status_code == 403
    assert person.send(f"{path}/secret", csrf_token="0" * 64).status_code == 403


def test_a_front_end_has_no_secret_to_show(person: Person, front_end: Application) -> None:
    path = f"/applications/{front_end.client_id}"

    assert "Show client secret" not in person.open(path).text
    assert_problem(person.send(f"{path}/secret"), 404, "This application has no secret.")


# Rehearsals


@pytest.mark.parametrize(
    "path",
    ["/", "/apis", "/people", "/organizations", "/roles", "/flags", "/keys", "/webhooks", "/x"],
)
def test_every_page_tells_of_a_fault_and_of_a_moved_clock(
    tenant: Tenant, person: Person, path: str
) -> None:
    assert 'class="banner"' not in person.open(path).text
    tenant.faults.fail("disconnect")
    tenant.clock.advance(3_600)

    page = html.unescape(person.open(path).text)

    assert "Rehearsing: 1 fault in force, the clock is 1 hour ahead." in page
    tenant.clock.freeze()
    tenant.faults.recover()
    assert "Rehearsing: the clock stands still at" in person.open(path).text
