from __future__ import annotations

import re

from kinde_guard.local import Tenant
from tests.local.management.callers import NOW_TEXT, OK, ROUTE_NOT_FOUND, Caller, errors

INVALID = {
    "code": "API_KEY_VERIFIED",
    "message": "API key verified",
    "is_valid": False,
    "key_id": None,
    "status": None,
    "scopes": [],
    "org_code": None,
    "user_id": None,
    "last_verified_on": None,
    "verification_count": 0,
}


def create(admin: Caller, tenant: Tenant, **fields: object) -> dict[str, str]:
    api = next(api for api in tenant.store.apis() if not api.is_management_api)
    body = {"name": "Mine", "api_id": api.id, "type": "environment", **fields}
    created = admin.post("/api_keys", body, 201)
    assert (created["code"], created["message"]) == ("API_KEY_CREATED", "API key created")
    made: dict[str, str] = created["api_key"]
    return made


def test_a_key_is_made_shown_without_its_secret_and_deleted(admin: Caller, tenant: Tenant) -> None:
    api = next(api for api in tenant.store.apis() if not api.is_management_api)
    scope = api.scopes[0]
    made = create(
        admin, tenant, scope_ids=[scope.id, api.scopes[1].key], org_code="org_1ccfb819462"
    )
    assert re.fullmatch("api_key_[0-9a-f]{32}", made["id"])
    assert re.fullmatch("k_live_[A-Za-z0-9]{40}", made["key"])

    summary = {
        "id": made["id"],
        "name": "Mine",
        "type": "environment",
        "status": "active",
        "key_prefix": "k_live_",
        "key_suffix": made["key"][-4:],
        "created_on": NOW_TEXT,
        "last_verified_on": None,
        "last_verified_ip": None,
        "created_by": "0" * 32,
        "api_ids": [api.id],
        "scopes": [scope.key, api.scopes[1].key],
    }
    details = {"verification_count": 0, "organization_id": "org_1ccfb819462", "user_id": None}
    assert admin.get(f"/api_keys/{made['id']}") == {**OK, "api_key": {**summary, **details}}
    assert admin.get("/api_keys")["api_keys"][-1] == summary
    assert made["key"] not in admin.ask("GET", "/api_keys").text
    assert admin.delete(f"/api_keys/{made['id']}") == OK


def test_a_key_that_is_not_there_is_404_in_kindes_shape(admin: Caller) -> None:
    assert admin.get("/api_keys/none", 404) == ROUTE_NOT_FOUND
    assert admin.put("/api_keys/none", status=404) == ROUTE_NOT_FOUND
    assert admin.delete("/api_keys/none", 404) == ROUTE_NOT_FOUND


def test_anybody_may_verify_a_key_and_each_time_counts(
    admin: Caller, anybody: Caller, tenant: Tenant
) -> None:
    made = create(admin, tenant, org_code="org_1ccfb819462")

    assert anybody.post("/api_keys/verify", {"api_key": made["key"]}) == {
        "code": "API_KEY_VERIFIED",
        "message": "API key verified",
        "is_valid": True,
        "key_id": made["id"],
        "status": "active",
        "scopes": [],
        "org_code": "org_1ccfb819462",
        "user_id": None,
        "last_verified_on": NOW_TEXT,
        "verification_count": 1,
    }
    assert admin.post("/api_keys/verify", {"api_key": made["key"]})["verification_count"] == 2
    shown = admin.get(f"/api_keys/{made['id']}")["api_key"]
    assert (shown["verification_count"], shown["last_verified_ip"]) == (2, "testclient")


def test_of_a_key_that_is_not_good_nothing_is_told(anybody: Caller) -> None:
    assert anybody.post("/api_keys/verify", {"api_key": "k_live_none"}) == INVALID
    assert anybody.post("/api_keys/verify", {}, 400) == errors(
        "INVALID_REQUEST", "body.api_key: Field required"
    )


def test_only_verifying_is_public(anybody: Caller) -> None:
    assert anybody.ask("GET", "/api_keys/verify").status_code == 401


def test_a_rotated_key_keeps_its_id_and_loses_its_secret(
    admin: Caller, anybody: Caller, tenant: Tenant
) -> None:
    made = create(admin, tenant)
    rotated = admin.put(f"/api_keys/{made['id']}", status=201)

    assert rotated == {
        "code": "API_KEY_ROTATED",
        "message": "API key rotated successfully",
        "api_key": {"id": made["id"], "key": rotated["api_key"]["key"]},
    }
    assert anybody.post("/api_keys/verify", {"api_key": made["key"]}) == INVALID
    verdict = anybody.post("/api_keys/verify", {"api_key": rotated["api_key"]["key"]})
    assert verdict["is_valid"] is True


def test_a_key_that_is_refused_leaves_nothing(admin: Caller, tenant: Tenant) -> None:
    before = tenant.store.api_keys()
    api = next(api for api in tenant.store.apis() if not api.is_management_api)
    good = {"name": "Mine", "api_id": api.id, "type": "user"}
    for change, code in (
        ({"api_id": "none"}, "API_NOT_FOUND"),
        ({"scope_ids": ["none"]}, "SCOPE_NOT_FOUND"),
        ({"user_id": "none"}, "NOT_FOUND"),
        ({"org_code": "none"}, "NOT_FOUND"),
        ({"type": "robot"}, "INVALID_REQUEST"),
    ):
        answer = admin.post("/api_keys", {**good, **change}, 400)
        assert answer["errors"][0]["code"] == code
    assert tenant.store.api_keys() == before


def test_keys_are_listed_after_an_id_and_filtered(admin: Caller, tenant: Tenant) -> None:
    made = [create(admin, tenant, type="user", name=f"Key {n}")["id"] for n in range(3)]
    first = admin.get("/api_keys?key_type=user&page_size=2")
    rest = admin.get(f"/api_keys?key_type=user&page_size=2&starting_after={made[1]}")

    assert ([key["id"] for key in first["api_keys"]], first["has_more"]) == (made[:2], True)
    assert ([key["id"] for key in rest["api_keys"]], rest["has_more"]) == (made[2:], False)
    assert admin.get("/api_keys?status=revoked")["api_keys"] == []
    assert admin.get("/api_keys?starting_after=none", 400)["errors"][0]["code"] == "NOT_FOUND"
