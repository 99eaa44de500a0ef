"""The user profile and the account API, asked for with a person's own access token."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from kinde_guard.local import LocalKinde
from tests.local.clients import assert_refused
from tests.local.sign_in.front_end import ADA, ANALYTICAL, FrontEnd

PATHS = [
    "/oauth2/v2/user_profile",
    "/account_api/v1/permissions",
    "/account_api/v1/roles",
    "/account_api/v1/feature_flags",
    "/account_api/v1/properties",
    "/account_api/v1/entitlements",
    "/account_api/v1/entitlement",
]
END = {"has_more": False, "next_page_starting_after": None}


@pytest.fixture
def ada(front_end: FrontEnd) -> dict[str, str]:
    return {"Authorization": f"Bearer {front_end.sign_in(ADA)['access_token']}"}


def test_the_profile(kinde: LocalKinde, http: httpx.Client, ada: dict[str, str]) -> None:
    answer = http.get(PATHS[0], headers=ada)
    person = kinde.people[0]

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.json() == {
        "sub": person.id,
        "id": person.id,
        "provided_id": None,
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "updated_at": int(person.created_on),
        "email": ADA,
        "email_verified": True,
        "picture": None,
        "preferred_username": None,
    }


def test_permissions_roles_and_flags(
    kinde: LocalKinde, http: httpx.Client, ada: dict[str, str]
) -> None:
    def data(name: str) -> Any:
        body = http.get(f"/account_api/v1/{name}", headers=ada).json()
        assert body["metadata"] == END
        assert body["data"]["org_code"] == ANALYTICAL
        return body["data"][name]

    permissions = {each.key: each.id for each in kinde.store.permissions()}
    assert data("permissions") == [
        {"id": permissions["manage:members"], "name": "Invite and remove people"}
        | {"key": "manage:members"},
        {"id": permissions["view:reports"], "name": "Open reports", "key": "view:reports"},
    ]
    assert [(each["key"], each["name"]) for each in data("roles")] == [("admin", "Administrator")]
    flags = {each["key"]: (each["type"], each["value"]) for each in data("feature_flags")}
    assert flags == {
        "beta": ("boolean", True),
        "theme": ("string", "pink"),
        "seats": ("integer", 5),
    }


def test_there_are_no_entitlements(http: httpx.Client, ada: dict[str, str]) -> None:
    answer = http.get("/account_api/v1/entitlements", headers=ada)
    single = http.get("/account_api/v1/entitlement", params={"key": "seats"}, headers=ada)

    data = {"org_code": ANALYTICAL, "entitlements": [], "plans": []}
    assert answer.json() == {"data": data, "metadata": END}
    assert (single.status_code, single.json()["errors"][0]["code"]) == (404, "NOT_FOUND")
    assert http.get("/account_api/v1/entitlement", headers=ada).status_code == 400


def test_lists_come_page_by_page(http: httpx.Client, ada: dict[str, str]) -> None:
    first = http.get("/account_api/v1/feature_flags?page_size=2", headers=ada).json()
    after = first["metadata"]["next_page_starting_after"]
    rest = http.get(f"/account_api/v1/feature_flags?starting_after={after}", headers=ada).json()

    assert first["metadata"] == {"has_more": True, "next_page_starting_after": after}
    keys = [each["key"] for body in (first, rest) for each in body["data"]["feature_flags"]]
    assert keys == ["beta", "theme", "seats"]
    assert rest["metadata"] == END


@pytest.mark.parametrize(
    "query", ["page_size=0", "page_size=-1", "page_size=501", "page_size=x", "starting_after=x"]
)
def test_a_page_that_cannot_be_is_refused(
    http: httpx.Client, ada: dict[str, str], query: str
) -> None:
    answer = http.get(f"/account_api/v1/permissions?{query}", headers=ada)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("path", PATHS)
def test_only_an_active_token_of_a_person_opens_them(
    kinde: LocalKinde, http: httpx.Client, path: str
) -> None:
    refused = {
        "error": "invalid_token",
        "error_description": (
            "The access token is missing, expired, revoked, malformed or otherwise invalid."
        ),
    }
    person = kinde.people[0]
    tokens = [
        kinde.token(),
        kinde.id_token(subject=person.id),
        kinde.user_token(person, expires_in=-1),
        kinde.user_token(subject="kp_gone"),
        kinde.user_token(person, sub=["x"]),
        "x",
    ]
    for token in tokens:
        answer = http.get(path, headers={"Authorization": f"Bearer {token}"})
        assert_refused(answer, 401, refused)
        assert answer.headers["www-authenticate"] == (
            'Bearer realm="local kinde", error="invalid_token"'
        )
    answer = http.get(path)
    assert answer.headers["www-authenticate"] == 'Bearer realm="local kinde"'
    good = {"Authorization": f"Bearer {kinde.user_token(person)}"}
    assert http.get(path, headers=good).status_code != 401


def test_an_organization_that_was_left_counts_no_more(
    kinde: LocalKinde, http: httpx.Client, ada: dict[str, str]
) -> None:
    kinde.store.remove_member(ANALYTICAL, kinde.people[0].id)

    data = http.get("/account_api/v1/permissions", headers=ada).json()["data"]
    assert data == {"org_code": None, "permissions": []}
