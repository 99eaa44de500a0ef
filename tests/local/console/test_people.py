"""People, organizations, roles and permissions on the console: what is written, what is refused."""

from __future__ import annotations

import html

import pytest

from kinde_guard.local import Tenant
from kinde_guard.local.seed import ANALYTICAL, DIFFERENCE
from kinde_guard.local.store import Api, User
from tests.local.console.person import Controls, Person, assert_problem, notice

GONE_PERSON = "There is no such person; it may have been deleted."


@pytest.fixture
def ada(tenant: Tenant) -> User:
    ada = tenant.store.user_by_email("ada@example.com")
    assert ada is not None
    return ada


@pytest.mark.parametrize("path", ["/people", "/organizations", "/roles"])
def test_a_page_names_all_its_controls(person: Person, path: str) -> None:
    page = person.open(path)

    controls = Controls(page.text)
    assert page.status_code == 200
    assert (controls.unnamed, controls.odd) == ([], [])
    assert len(controls.ids) == len(set(controls.ids))


def test_the_page_of_a_person_names_all_its_controls(person: Person, ada: User) -> None:
    page = person.open(f"/people/{ada.id}")

    controls = Controls(page.text)
    assert page.status_code == 200
    assert (controls.unnamed, controls.odd) == ([], [])
    assert len(controls.ids) == len(set(controls.ids))


def test_a_person_is_created_in_an_organization(tenant: Tenant, person: Person) -> None:
    done = person.done(
        "/people",
        email="grace@example.com",
        first_name="Grace",
        last_name="Hopper",
        org_code=ANALYTICAL,
    )

    created = tenant.store.user_by_email("grace@example.com")
    assert created is not None
    assert done == "Grace Hopper was created."
    assert (created.first_name, created.organizations) == ("Grace", (ANALYTICAL,))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": ""}, "The e-mail address is missing: fill it in."),
        ({"email": "nobody"}, "The e-mail address must be like ada@example.com."),
        ({"email": "ada@example.com"}, "This is taken already: choose another."),
        ({"email": "a@b.example", "org_code": "org_no"}, "Choose one of the organizations."),
        ({"email": "a@b.example", "first_name": "a" * 256}, "The first name is too long"),
    ],
)
def test_a_person_who_cannot_be_is_422(
    tenant: Tenant, person: Person, fields: dict[str, str], sentence: str
) -> None:
    before = tenant.store.users()

    page = person.send("/people", **fields)

    assert page.status_code == 422
    assert notice(page).startswith(sentence)
    assert f'value="{html.escape(fields["email"])}"' in page.text
    assert tenant.store.users() == before


def test_a_person_is_renamed_suspended_and_deleted(
    tenant: Tenant, person: Person, ada: User
) -> None:
    path = f"/people/{ada.id}"

    assert person.done(path, first_name="Augusta", last_name="King") == "Saved."
    assert person.done(f"{path}/suspend", suspended="yes") == "Augusta King is suspended."
    assert "Suspended: may not sign in." in person.open(path).text
    changed = tenant.store.user(ada.id)
    assert changed is not None
    assert (changed.first_name, changed.is_suspended) == ("Augusta", True)
    assert person.done(f"{path}/suspend", suspended="no") == "Augusta King may sign in again."
    assert person.done(f"{path}/delete") == "Augusta King was deleted."
    assert tenant.store.user(ada.id) is None
    assert_problem(person.open(path), 404, GONE_PERSON)
    assert_problem(person.send(f"{path}/delete"), 404, GONE_PERSON)


def test_a_member_is_given_roles_permissions_and_scopes_and_they_are_taken(
    tenant: Tenant, person: Person, ada: User, users_api: Api
) -> None:
    store, path = tenant.store, f"/people/{ada.id}"
    role, permission = store.roles()[2].id, store.permissions()[0].id
    scope = users_api.scopes[0].id

    joined = person.done(f"{path}/organizations", org_code=DIFFERENCE)
    member = f"{path}/organizations/{DIFFERENCE}"
    given = person.done(member, role=role, permission=permission, scope=scope)
    held = [each.id for each in store.member_roles(DIFFERENCE, ada.id)]
    page = person.open(path).text

    assert joined == "Ada Lovelace now belongs to Difference Works."
    assert given.startswith("Saved. Tokens that were issued before keep")
    assert held == [role]
    assert store.direct_permission_ids(DIFFERENCE, ada.id) == {permission}
    assert store.direct_scope_ids(DIFFERENCE, ada.id) == {scope}
    assert page.count(f'name="was_scope" value="{scope}"') == 1
    person.done(member, was_role=role, was_permission=permission, was_scope=scope)
    assert store.member_roles(DIFFERENCE, ada.id) == []
    assert store.member_scopes(DIFFERENCE, ada.id) == []
    left = person.done(f"{member}/leave")
    assert left == "Ada Lovelace belongs to Difference Works no more."
    assert_problem(person.send(f"{member}/leave"), 404, "does not belong to this organization")


def test_a_scope_that_is_gone_is_422_and_nothing_is_written(
    tenant: Tenant, person: Person, ada: User
) -> None:
    path = f"/people/{ada.id}/organizations/{ANALYTICAL}"
    role = tenant.store.roles()[2].id

    page = person.send(path, role=role, scope="gone")

    assert page.status_code == 422
    assert role not in {each.id for each in tenant.store.member_roles(ANALYTICAL, ada.id)}


def test_a_test_token_of_a_person_holds_what_was_given(
    tenant: Tenant, person: Person, ada: User, users_api: Api
) -> None:
    front = next(each for each in tenant.store.applications() if each.type == "spa")

    answer = person.send(f"/people/{ada.id}/tokens", client_id=front.client_id, org_code=ANALYTICAL)
    page = person.open(answer.headers["location"].removeprefix("/console"))

    assert answer.status_code == 303
    assert page.status_code == 200
    for scope in users_api.scopes:
        assert f'<code class="chip on">{scope.key}</code>' in page.text
    assert ada.id in page.text
    assert "Ask for such a token" not in page.text


def test_no_test_token_for_a_suspended_person(tenant: Tenant, person: Person, ada: User) -> None:
    front = next(each for each in tenant.store.applications() if each.type == "spa")
    tenant.store.update_user(ada.id, is_suspended=True)

    answer = person.send(f"/people/{ada.id}/tokens", client_id=front.client_id)

    assert answer.status_code == 422
    assert notice(answer).startswith("Ada Lovelace is suspended")


def test_an_organization_is_created_changed_and_deleted(tenant: Tenant, person: Person) -> None:
    assert person.done("/organizations", name="Looms", handle="looms") == "Looms was created."
    made = tenant.store.organizations()[-1]
    path = f"/organizations/{made.code}"
    taken = person.send("/organizations", name="Others", handle="looms")
    assert (taken.status_code, notice(taken)) == (422, "This is taken already: choose another.")
    assert person.done(path, name="Great Looms", external_id="x1") == "Saved."
    changed = tenant.store.organization(made.code)
    assert changed is not None
    assert (changed.name, changed.external_id) == ("Great Looms", "x1")
    ada = tenant.store.users()[0]
    added = person.done(f"{path}/members", user_id=ada.id)
    assert added == "Ada Lovelace now belongs to Great Looms."
    assert person.done(f"{path}/flags", key="seats", value="9", do="set") == "Seats was set."
    wrong = person.send(f"{path}/flags", key="seats", value="many", do="set")
    assert notice(wrong) == "The value must be a whole number."
    assert person.done(f"{path}/delete") == "Great Looms was deleted."
    assert_problem(person.open(path), 404, "There is no such organization")


def test_a_role_is_created_filled_and_deleted(
    tenant: Tenant, person: Person, users_api: Api
) -> None:
    done = person.done("/roles", name="Auditor", key="auditor")
    role = tenant.store.roles()[-1]
    permission, scope = tenant.store.permissions()[0].id, users_api.scopes[0].id

    person.done(f"/roles/{role.id}/rights", permission=permission, scope=scope)

    assert done == "Auditor was created. Next, say what it holds."
    assert [each.id for each in tenant.store.role_permissions(role.id)] == [permission]
    assert [each.id for each in tenant.store.role_scopes(role.id)] == [scope]
    assert person.done(f"/roles/{role.id}", name="Inspector", key="inspector") == "Saved."
    assert person.done(f"/roles/{role.id}/delete") == "Inspector was deleted."
    assert_problem(person.open(f"/roles/{role.id}"), 404, "There is no such role")


def test_a_permission_is_created_changed_and_deleted(tenant: Tenant, person: Person) -> None:
    done = person.done("/permissions", name="Close books", key="close:books")
    made = tenant.store.permissions()[-1]
    path = f"/permissions/{made.id}"

    assert done == "close:books was created. No role holds it yet."
    odd = person.send("/permissions", name="Odd", key="two words")
    assert notice(odd) == "The key must be one word, without spaces."
    assert person.done(path, name="Shut books", key="shut:books") == "Saved."
    assert person.done(f"{path}/delete") == "shut:books was deleted."
    assert_problem(person.send(f"{path}/delete"), 404, "There is no such permission")
