"""Users, roles, permissions and organizations."""

from __future__ import annotations

import re

from kinde_guard.local import Tenant
from tests.local.management.callers import NOW_TEXT, OK, ROUTE_NOT_FOUND, Caller, errors

NOT_FOUND = errors("NOT_FOUND", "The request names something that does not exist")
TAKEN = errors("ALREADY_EXISTS", "A value that must be unique is taken")
NO_USER = errors("USER_NOT_FOUND", "There is no user of that id")
NO_ORGANIZATION = errors("ORGANIZATION_NOT_FOUND", "There is no organization of that code")


def test_a_user_is_created_read_changed_and_deleted(admin: Caller) -> None:
    created = admin.post(
        "/user",
        {
            "profile": {"given_name": "Grace", "family_name": "Hopper"},
            "organization_code": "org_1ccfb819462",
            "identities": [{"type": "email", "details": {"email": "grace@example.com"}}],
        },
    )
    user_id = created["id"]
    assert re.fullmatch("kp_[0-9a-f]{32}", user_id)
    assert created == {
        "id": user_id,
        "created": True,
        "identities": [{"type": "email", "result": {"created": True}}],
    }
    shown = {
        "id": user_id,
        "provided_id": None,
        "preferred_email": "grace@example.com",
        "phone": None,
        "username": None,
        "last_name": "Hopper",
        "first_name": "Grace",
        "is_suspended": False,
        "picture": None,
        "total_sign_ins": None,
        "failed_sign_ins": None,
        "last_signed_in": None,
        "created_on": NOW_TEXT,
        "organizations": ["org_1ccfb819462"],
        "identities": None,
    }
    assert admin.get(f"/user?id={user_id}&expand=organizations") == shown
    changes = {"given_name": "Rear Admiral", "is_suspended": True}
    assert admin.patch(f"/user?id={user_id}", changes) == {
        "id": user_id,
        "given_name": "Rear Admiral",
        "family_name": "Hopper",
        "email": "grace@example.com",
        "is_suspended": True,
        "is_password_reset_requested": False,
        "picture": None,
    }
    assert admin.delete(f"/user?id={user_id}&is_delete_profile=true") == OK
    assert admin.get(f"/user?id={user_id}", 400) == NO_USER
    assert admin.patch(f"/user?id={user_id}", {}, 400) == NO_USER
    assert admin.delete(f"/user?id={user_id}", 400) == NO_USER


def test_users_are_filtered_and_expanded(admin: Caller) -> None:
    (ada,) = admin.get("/users?email=ada@example.com&expand=organizations,identities")["users"]

    assert (ada["first_name"], ada["email"]) == ("Ada", "ada@example.com")
    assert ada["organizations"] == ["org_1ccfb819462"]
    assert ada["identities"] == [{"type": "email", "identity": "ada@example.com"}]
    assert admin.get(f"/users?user_id={ada['id']}")["users"][0]["organizations"] is None
    assert admin.get("/users?email=nobody@example.com")["users"] == []
    assert admin.get("/users?has_organization=false")["users"] == []


def test_users_are_listed_page_by_page(admin: Caller, tenant: Tenant) -> None:
    first = admin.get("/users?page_size=2")
    rest = admin.get(f"/users?page_size=2&next_token={first['next_token']}")

    listed = [user["id"] for page in (first, rest) for user in page["users"]]
    assert listed == sorted(user.id for user in tenant.store.users())
    assert rest["next_token"] is None


def test_a_user_that_is_refused_leaves_nothing(admin: Caller, tenant: Tenant) -> None:
    before = tenant.store.users()
    identity = {"type": "email", "details": {"email": "new@example.com"}}
    body = {"organization_code": "org_none", "identities": [identity]}

    assert admin.post("/user", body, 400) == NOT_FOUND
    taken = {"type": "email", "details": {"email": "ada@example.com"}}
    assert admin.post("/user", {"identities": [taken]}, 400) == TAKEN
    for wrong in ([{"type": "phone", "details": {"email": "x"}}], [identity, identity]):
        answer = admin.post("/user", {"identities": wrong}, 400)
        assert answer["errors"][0]["code"] == "INVALID_REQUEST"
    assert tenant.store.users() == before


def test_a_role_is_created_read_changed_and_deleted(admin: Caller) -> None:
    created = admin.post("/roles", {"name": "Editor", "key": "editor"}, 201)
    role_id = created["role"]["id"]
    assert created == {**OK, "role": {"id": role_id}}
    assert admin.get(f"/roles/{role_id}") == {
        **OK,
        "role": {
            "id": role_id,
            "key": "editor",
            "name": "Editor",
            "description": "",
            "is_default_role": False,
        },
    }
    change = {"name": "Chief", "key": "chief", "description": "All", "is_default_role": True}
    assert admin.patch(f"/roles/{role_id}", change, 201) == OK
    assert admin.get(f"/roles/{role_id}")["role"] == {"id": role_id, **change}
    assert admin.delete(f"/roles/{role_id}") == OK
    assert admin.get(f"/roles/{role_id}", 400) == NOT_FOUND
    assert admin.patch(f"/roles/{role_id}", change, 400) == NOT_FOUND
    assert admin.delete(f"/roles/{role_id}", 400) == NOT_FOUND


def test_a_role_key_is_taken_once(admin: Caller) -> None:
    assert admin.post("/roles", {"name": "Another", "key": "admin"}, 400) == TAKEN


def test_a_role_holds_scopes(admin: Caller, tenant: Tenant) -> None:
    role_id = admin.post("/roles", {"name": "Scoped", "key": "scoped"}, 201)["role"]["id"]
    api = next(api for api in tenant.store.apis() if not api.is_management_api)
    scope = api.scopes[0]
    path = f"/roles/{role_id}/scopes"

    added = {"code": "ROLE_SCOPE_ADDED", "message": "Scope added to role"}
    assert admin.post(path, {"scope_id": scope.id}, 201) == added
    assert admin.get(path) == {
        **OK,
        "scopes": [
            {"id": scope.id, "key": scope.key, "description": "See users", "api_id": api.id}
        ],
    }
    deleted = {"code": "SCOPE_DELETED", "message": "Scope deleted from role"}
    assert admin.delete(f"{path}/{scope.id}") == deleted
    assert admin.delete(f"{path}/{scope.id}", 400) == NOT_FOUND
    assert admin.get(path)["scopes"] == []
    assert admin.post(path, {"scope_id": "none"}, 400) == NOT_FOUND
    assert admin.get("/roles/none/scopes", 400) == NOT_FOUND


def test_a_role_holds_permissions(admin: Caller, tenant: Tenant) -> None:
    role_id = admin.post("/roles", {"name": "Allowed", "key": "allowed"}, 201)["role"]["id"]
    one, other = tenant.store.permissions()[:2]
    path = f"/roles/{role_id}/permissions"

    change = {"permissions": [{"id": one.id}, {"id": other.id}]}
    assert admin.patch(path, change) == {
        **OK,
        "permissions_added": [one.id, other.id],
        "permissions_removed": [],
    }
    assert [held["id"] for held in admin.get(f"{path}?sort=name_asc")["permissions"]] == [
        permission.id for permission in sorted((one, other), key=lambda held: held.name)
    ]
    change = {"permissions": [{"id": one.id, "operation": "delete"}]}
    assert admin.patch(path, change)["permissions_removed"] == [one.id]
    assert admin.delete(f"{path}/{other.id}") == OK
    assert admin.delete(f"{path}/{other.id}", 400) == NOT_FOUND
    assert admin.get(path) == {**OK, "permissions": [], "next_token": None}
    half = {"permissions": [{"id": one.id}, {"id": "none"}]}
    assert admin.patch(path, half, 400) == NOT_FOUND
    assert admin.get(path)["permissions"] == []


def test_a_permission_is_created_changed_and_deleted(admin: Caller, tenant: Tenant) -> None:
    assert admin.post("/permissions", {"name": "Fly", "key": "fly"}, 201) == OK
    (made,) = [one for one in tenant.store.permissions() if one.key == "fly"]
    path = f"/permissions/{made.id}"

    assert admin.patch(path, {"description": "High"}) == OK
    shown = {"id": made.id, "key": "fly", "name": "Fly", "description": "High"}
    assert shown in admin.get("/permissions?sort=id_desc")["permissions"]
    assert admin.delete(path) == OK
    assert admin.delete(path, 400) == NOT_FOUND
    assert admin.patch(path, {"name": "x"}, 400) == NOT_FOUND


def test_roles_are_sorted_by_key(admin: Caller) -> None:
    keys = [role["key"] for role in admin.get("/roles?sort=key_desc&page_size=100")["roles"]]
    assert keys == sorted(keys, reverse=True)


def test_an_organization_is_created_read_changed_and_deleted(admin: Caller, tenant: Tenant) -> None:
    created = admin.post("/organization", {"name": "Acme", "handle": "acme"})
    code = created["organization"]["code"]
    assert re.fullmatch("org_[0-9a-f]{11}", code)
    assert created == {**OK, "organization": {"code": code}}
    summary = {
        "code": code,
        "name": "Acme",
        "handle": "acme",
        "is_default": False,
        "external_id": None,
        "is_auto_membership_enabled": False,
    }
    assert admin.get(f"/organization?code={code}") == {**summary, "created_on": NOW_TEXT}
    assert summary in admin.get("/organizations?sort=name_asc")["organizations"]
    assert admin.patch(f"/organization/{code}", {"name": "Acme Corp"}) == OK
    assert admin.get(f"/organization?code={code}")["name"] == "Acme Corp"
    job = tenant.store.add_application("Job", org_code=code)
    assert admin.delete(f"/organization/{code}") == OK
    assert tenant.store.application(job.client_id) is None
    assert admin.get(f"/organization?code={code}", 400) == NO_ORGANIZATION
    assert admin.patch(f"/organization/{code}", {"name": "x"}, 400) == NOT_FOUND
    assert admin.delete(f"/organization/{code}", 404) == ROUTE_NOT_FOUND
