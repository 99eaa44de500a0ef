"""kinde-python-sdk and @kinde/management-api-js manage applications, people and API keys.

Both scripts do the same work and tell it in the same words, so one set of tests reads both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from kinde_guard.local import AUDIENCE, LocalKinde
from tests.clients import real_clients
from tests.clients.real_clients import claims, credentials, manager

RUNTIMES: Final[dict[str, tuple[str, Callable[[], real_clients.Runtime]]]] = {
    "javascript": ("tenant_api_js.mjs", real_clients.node),
    "python": ("tenant_python_sdk.py", real_clients.python),
}


@pytest.fixture(scope="module", params=RUNTIMES)
def told(request: pytest.FixtureRequest) -> Iterator[Any]:
    script, find_runtime = RUNTIMES[request.param]
    runtime = find_runtime()
    with LocalKinde(tls=True) as kinde:
        yield runtime.run(script, kinde, management=credentials(manager(kinde)), audience=AUDIENCE)


# Applications


def test_an_application_is_created_renamed_and_read(told: Any) -> None:
    created = told["applications"]["created"]["application"]
    read = told["applications"]["read"]["application"]
    assert created["id"] == created["client_id"]
    assert {name: read[name] for name in ("name", "type", *created)} == {
        "name": "Nightly jobs",
        "type": "m2m",
        **created,
    }


def test_its_tokens_live_as_long_as_was_set(told: Any) -> None:
    found = claims(told["applications"]["token"])
    assert found["exp"] - found["iat"] == 600
    assert found["scope"] == "read:users"


def test_applications_are_listed_page_by_page(told: Any) -> None:
    pages = [[listed["name"] for listed in page] for page in told["applications"]["pages"]]
    assert pages == [
        ["Back office", "Front end"],
        ["Management", "Nightly jobs"],
        ["Reporting", "Website"],
    ]


def test_a_deleted_application_is_unknown_to_all(told: Any) -> None:
    assert told["applications"]["read_after"]["status"] == 400
    assert "Client authentication failed" in told["applications"]["token_after"]["refused"]


# Users


def test_a_user_is_created_suspended_and_read(told: Any) -> None:
    created, read = told["users"]["created"], told["users"]["read"]
    assert created["created"] is True
    assert created["id"].startswith("kp_")
    assert read["id"] == created["id"]
    assert (read["first_name"], read["last_name"]) == ("Grace", "Hopper")
    assert read["preferred_email"] == "grace@example.com"
    assert read["is_suspended"] is True


def test_users_are_listed_until_they_are_deleted(told: Any) -> None:
    emails = {user["email"] for user in told["users"]["listed"]["users"]}
    assert emails == {
        "ada@example.com",
        "charles@example.com",
        "mary@example.com",
        "grace@example.com",
    }
    assert told["users"]["read_after"]["status"] == 400


# Roles


def test_a_role_is_created_and_listed_until_it_is_deleted(told: Any) -> None:
    role = told["roles"]["read"]["role"]
    assert (role["key"], role["name"]) == ("auditor", "Auditor")
    assert role["id"] in {listed["id"] for listed in told["roles"]["listed"]["roles"]}
    assert told["roles"]["read_after"]["status"] == 400


def test_a_role_gains_and_loses_a_scope(told: Any) -> None:
    assert told["roles"]["scope_added"]["code"] == "ROLE_SCOPE_ADDED"
    assert [scope["key"] for scope in told["roles"]["scopes"]["scopes"]] == ["read:users"]
    assert told["roles"]["scope_deleted"]["code"] == "SCOPE_DELETED"
    assert told["roles"]["scopes_after"]["scopes"] == []


def test_a_role_gains_a_permission(told: Any) -> None:
    found = told["roles"]["permissions"]["permissions"]
    assert [permission["key"] for permission in found] == ["see:reports"]


# Organizations


def test_an_organization_is_created_read_and_listed(told: Any) -> None:
    code = told["organizations"]["created"]["organization"]["code"]
    assert told["organizations"]["read"]["name"] == "Wayne Ltd"
    assert code in {found["code"] for found in told["organizations"]["listed"]["organizations"]}


def test_what_local_kinde_does_not_have_it_says(told: Any) -> None:
    refusal = told["organizations"]["not_implemented"]
    assert refusal["status"] == 501
    assert refusal["body"]["errors"] == [
        {
            "code": "NOT_IMPLEMENTED",
            "message": "Local Kinde does not have GET /organizations/{org_code}/properties",
        }
    ]


def test_an_application_of_an_organization_gets_tokens_of_that_organization(told: Any) -> None:
    code = told["organizations"]["created"]["organization"]["code"]
    assert claims(told["organizations"]["token"])["org_code"] == code


def test_a_deleted_organization_is_gone(told: Any) -> None:
    assert told["organizations"]["read_after"]["status"] in {400, 404}


# API keys


def test_an_api_key_is_verified_with_its_scopes(told: Any) -> None:
    verified = told["api_keys"]["verified"]
    assert verified["code"] == "API_KEY_VERIFIED"
    assert (verified["is_valid"], verified["status"]) == (True, "active")
    assert verified["scopes"] == ["read:users"]
    assert verified["key_id"] == told["api_keys"]["created"]["api_key"]["id"]


def test_an_api_key_is_read_and_listed_without_the_key(told: Any) -> None:
    created, read = told["api_keys"]["created"]["api_key"], told["api_keys"]["read"]["api_key"]
    assert (read["id"], read["name"], read["type"]) == (created["id"], "Deployments", "environment")
    assert created["key"] not in str(told["api_keys"]["read"])
    assert [key["id"] for key in told["api_keys"]["listed"]["api_keys"]] == [created["id"]]


def test_a_rotated_api_key_keeps_its_id_and_ends_the_old_key(told: Any) -> None:
    rotated = told["api_keys"]["rotated"]
    assert rotated["code"] == "API_KEY_ROTATED"
    assert rotated["api_key"]["id"] == told["api_keys"]["created"]["api_key"]["id"]
    assert told["api_keys"]["old_key_verified"]["is_valid"] is False
    assert told["api_keys"]["new_key_verified"]["is_valid"] is True


def test_a_deleted_api_key_is_unknown(told: Any) -> None:
    refusal = told["api_keys"]["read_after"]
    assert refusal["status"] == 404
    # The one place where Kinde's errors are an object.
    assert set(refusal["body"]["errors"]) == {"code", "message"}
