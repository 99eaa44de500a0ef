"""What members of organizations hold, and feature flags, by the Management API."""

from __future__ import annotations

import pytest

from kinde_guard.local import Tenant
from tests.local.management.callers import OK, Caller, errors

CODE = "org_1ccfb819462"
NO_MEMBER = errors("USER_NOT_FOUND", "The organization has no user of that id")
NOT_FOUND = errors("NOT_FOUND", "The request names something that does not exist")


@pytest.fixture
def mary(tenant: Tenant) -> str:
    """A user who is not a member yet."""
    return tenant.store.users()[2].id


def test_a_user_becomes_a_member_with_roles_and_permissions_and_leaves(
    admin: Caller, mary: str
) -> None:
    users = f"/organizations/{CODE}/users"
    member = {"id": mary, "roles": ["analyst"], "permissions": ["manage:members"]}
    added = admin.post(users, {"users": [member]})
    assert added == {**OK, "users_added": [mary]}
    listed = {each["id"]: each for each in admin.get(users)["organization_users"]}
    assert listed[mary] == {
        "id": mary,
        "email": "mary@example.com",
        "full_name": "Mary Somerville",
        "last_name": "Somerville",
        "first_name": "Mary",
        "picture": None,
        "roles": ["analyst"],
    }
    held = admin.get(f"{users}/{mary}/permissions")["permissions"]
    assert [(each["key"], len(each["roles"])) for each in held] == [
        ("manage:members", 0),
        ("view:reports", 1),
    ]

    assert admin.delete(f"{users}/{mary}") == OK
    assert admin.get(f"{users}/{mary}/roles", 400) == NO_MEMBER
    assert admin.delete(f"{users}/{mary}", 400) == NOT_FOUND


def test_roles_permissions_and_scopes_are_given_and_taken(admin: Caller, tenant: Tenant) -> None:
    store = tenant.store
    charles = store.users()[1].id
    member = f"/organizations/{CODE}/users/{charles}"
    role = next(each for each in store.roles() if each.key == "admin")
    permission = next(each for each in store.permissions() if each.key == "manage:members")
    scope = next(each for api in store.apis() for each in api.scopes if each.key == "read:users")

    assert admin.post(f"{member}/roles", {"role_id": role.id}) == OK
    keys = [each["key"] for each in admin.get(f"{member}/roles")["roles"]]
    assert keys == ["guest", "admin"]
    assert admin.delete(f"{member}/roles/{role.id}") == OK
    assert admin.delete(f"{member}/roles/{role.id}", 400) == NOT_FOUND
    assert admin.post(f"{member}/permissions", {"permission_id": permission.id}) == OK
    assert permission in store.member_permissions(CODE, charles)
    assert admin.delete(f"{member}/permissions/{permission.id}") == OK
    path = f"{member}/apis/{scope.api_id}/scopes/{scope.id}"
    assert admin.post(path, None, 201) == OK
    assert store.member_scopes(CODE, charles) == [scope]
    assert admin.delete(path) == OK
    assert admin.delete(path, 400) == NOT_FOUND


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"users": [{"id": "kp_0"}]}, "NOT_FOUND"),
        ({"users": [{"id": "MARY", "roles": ["pilot"]}]}, "ROLE_NOT_FOUND"),
        ({"users": [{"id": "MARY", "permissions": ["fly"]}]}, "PERMISSION_NOT_FOUND"),
        ({"users": [{"roles": []}]}, "INVALID_REQUEST"),
        ({"users": 5}, "INVALID_REQUEST"),
    ],
)
def test_of_a_refused_list_nothing_is_added(
    admin: Caller, tenant: Tenant, mary: str, body: dict[str, object], code: str
) -> None:
    text = str(body).replace("MARY", mary)
    answer = admin.ask("POST", f"/organizations/{CODE}/users", eval(text))

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)
    assert CODE not in tenant.store.users()[2].organizations


def test_flags_are_made_overridden_and_reset(admin: Caller, tenant: Tenant) -> None:
    store, ada = tenant.store, tenant.store.users()[0].id
    new = {"key": "limit", "name": "Limit", "type": "int", "default_value": "3"}
    assert admin.post("/feature_flags", new, 201) == OK
    assert admin.get("/environment/feature_flags")["feature_flags"]["limit"] == {
        "type": "integer",
        "value": "3",
    }
    flag = f"/organizations/{CODE}/feature_flags/limit"
    assert admin.patch(f"{flag}?value=4") == OK
    flags = admin.get(f"/organizations/{CODE}/feature_flags")["feature_flags"]
    assert flags["limit"] == {"type": "integer", "value": "4"}
    assert flags["beta"] == {"type": "boolean", "value": "true"}
    assert admin.patch(f"/users/{ada}/feature_flags/limit?value=5") == OK
    values = [
        next(each for each in store.feature_flags(**of) if each.key == "limit").value
        for of in ({}, {"org_code": CODE}, {"org_code": CODE, "user_id": ada})
    ]
    assert values == [3, 4, 5]
    assert admin.delete(flag) == OK
    assert admin.delete("/feature_flags/limit") == OK
    assert admin.delete("/feature_flags/limit", 400) == NOT_FOUND


@pytest.mark.parametrize(
    ("key", "value"), [("seats", "x"), ("seats", "1.5"), ("beta", "yes"), ("seats", "9" * 99)]
)
def test_a_value_of_another_type_is_refused(admin: Caller, key: str, value: str) -> None:
    answer = admin.ask("PATCH", f"/organizations/{CODE}/feature_flags/{key}?value={value}")

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "INVALID_VALUE")


def test_of_what_is_not_there_nothing_is_overridden(admin: Caller) -> None:
    gone = errors("FEATURE_FLAG_NOT_FOUND", "There is no feature flag of that key")
    assert admin.patch(f"/organizations/{CODE}/feature_flags/x?value=1", None, 400) == gone
    assert admin.patch("/organizations/0/feature_flags/seats?value=1", None, 400) == NOT_FOUND
    assert admin.patch("/users/0/feature_flags/seats?value=1", None, 400) == NOT_FOUND
