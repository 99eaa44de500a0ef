"""kinde-python-sdk and @kinde/management-api-js add an API and decide who may call it.

Both scripts do the same work and tell it in the same words, so one set of tests reads both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from kinde_guard.local import AUDIENCE, Application, LocalKinde
from tests.clients import real_clients
from tests.clients.real_clients import WRONG_SECRET, claims, credentials, manager

ORDERS: Final = "https://api.orders.example"

RUNTIMES: Final[dict[str, tuple[str, Callable[[], real_clients.Runtime]]]] = {
    "javascript": ("management_api_js.mjs", real_clients.node),
    "python": ("management_python_sdk.py", real_clients.python),
}


@dataclass(frozen=True)
class Story:
    """What a client told, and the local Kinde in which it happened."""

    client: str
    told: Any
    kinde: LocalKinde
    caller: Application

    @property
    def work(self) -> Any:
        return self.told["work"]

    @property
    def delegation(self) -> Any:
        return self.told["delegation"]


@pytest.fixture(scope="module", params=RUNTIMES)
def story(request: pytest.FixtureRequest) -> Iterator[Story]:
    script, find_runtime = RUNTIMES[request.param]
    runtime = find_runtime()
    with LocalKinde(tls=True) as kinde:
        caller = kinde.applications[1]
        told = runtime.run(
            script,
            kinde,
            management=credentials(manager(kinde)),
            caller=credentials(caller),
            wrong_secret=WRONG_SECRET,
            audience=ORDERS,
        )
        yield Story(request.param, told, kinde, caller)


def audiences(listed: Any) -> set[str]:
    return {api["audience"] for api in listed["apis"]}


# APIs and scopes


def test_it_lists_the_apis_by_name(story: Story) -> None:
    listed = story.work["apis_before"]
    assert (listed["code"], listed["message"]) == ("OK", "Success")
    assert [(api["name"], api["audience"], api["is_management_api"]) for api in listed["apis"]] == [
        ("Kinde Management API", f"{story.kinde.issuer}/api", True),
        ("Users API", AUDIENCE, False),
    ]


def test_an_api_that_it_adds_is_listed_with_its_scopes(story: Story) -> None:
    api_id = story.work["api_added"]["api"]["id"]
    (added,) = [api for api in story.work["apis_with_scopes"]["apis"] if api["id"] == api_id]
    assert (added["name"], added["audience"]) == ("Orders API", ORDERS)
    assert {scope["key"] for scope in added["scopes"]} == {"read:orders", "create:orders"}


def test_scopes_are_described_anew_and_deleted(story: Story) -> None:
    found = {scope["key"]: scope["description"] for scope in story.work["scopes"]["scopes"]}
    assert found == {"read:orders": "See orders", "create:orders": "May create:orders"}


def test_one_scope_is_read(story: Story) -> None:
    scope = story.work["scope"]["scope"]
    assert (scope["key"], scope["description"]) == ("read:orders", "See orders")
    assert scope["id"].startswith("api_scope_")


def test_a_deleted_api_is_gone_with_its_scopes(story: Story) -> None:
    assert story.work["api_deleted"] == {
        "code": "API_DELETED",
        "message": "API successfully deleted",
    }
    assert audiences(story.work["apis_after"]) == {f"{story.kinde.issuer}/api", AUDIENCE}
    assert ORDERS not in {api.audience for api in story.kinde.store.apis()}


# Applications and tokens


def test_an_application_is_authorised(story: Story) -> None:
    connected = story.work["connected"]
    assert connected["code"] == "API_APPLICATIONS_UPDATED"
    assert connected["applications_connected"] == [story.caller.client_id]
    assert connected["applications_disconnected"] == []


def test_the_api_names_its_applications_as_people_know_them(story: Story) -> None:
    assert story.work["api"]["api"]["applications"] == [
        {
            "id": story.caller.client_id,
            "name": story.caller.name,
            "type": "Machine to machine (M2M)",
            "is_active": True,
        }
    ]


def test_an_application_is_disconnected(story: Story) -> None:
    disconnected = story.work["disconnected"]
    assert disconnected["applications_connected"] == []
    assert disconnected["applications_disconnected"] == [story.caller.client_id]


@pytest.mark.parametrize("moment", ["before", "deauthorised"])
def test_an_application_that_is_not_authorised_gets_no_token(story: Story, moment: str) -> None:
    assert f"is not authorized for '{ORDERS}'" in story.work["tokens"][moment]["refused"]


@pytest.mark.parametrize(
    ("moment", "scopes"), [("authorised", ""), ("granted", "read:orders"), ("revoked", "")]
)
def test_the_next_token_shows_what_is_granted(story: Story, moment: str, scopes: str) -> None:
    found = claims(story.work["tokens"][moment])
    assert found["aud"] == [ORDERS]
    assert found["azp"] == story.caller.client_id
    assert found["scope"] == scopes
    assert found["scp"] == scopes.split()


# Refusals


@pytest.mark.parametrize(
    "case",
    [
        "unknown_api",
        "unknown_api_deleted",
        "unknown_scope",
        "unknown_scope_granted",
        "audience_taken",
        "scope_taken",
        "scope_with_a_space",
    ],
)
def test_what_cannot_be_done_is_refused_in_kinde_s_words(story: Story, case: str) -> None:
    refusal = story.work["refusals"][case]
    name = {"javascript": "ApiError", "python": "BadRequestException"}
    assert (refusal["name"], refusal["status"]) == (name[story.client], 400)
    (error,) = refusal["body"]["errors"]
    assert set(error) == {"code", "message"}
    # The Python SDK reads into its own model what has the declared shape, and only that.
    assert refusal.get("understood", refusal["body"]) == refusal["body"]


def test_a_refused_grant_left_nothing_behind(story: Story) -> None:
    again = story.kinde.store.application(story.caller.client_id)
    assert again is not None
    granted = {access.audience: access.scopes for access in again.apis}
    assert granted == {
        AUDIENCE: ("read:users", "read:roles"),
        f"{story.kinde.issuer}/api": ("create:apis",),
    }


def test_a_wrong_secret_gets_nowhere(story: Story) -> None:
    refusal = story.told["wrong_secret"]
    if story.client == "python":
        assert "401 Client Error: Unauthorized" in refusal["message"]
    else:
        # It swallows the token endpoint's answer and goes on without a token.
        assert refusal["status"] == 401


# The Management API's own scopes


def test_with_a_scope_of_the_management_api_it_may_do_just_that(story: Story) -> None:
    assert audiences(story.delegation["may_read"]) == {f"{story.kinde.issuer}/api", AUDIENCE}
    assert story.delegation["may_create"]["code"] == "OK"
    assert "https://by.the.caller" in {api.audience for api in story.kinde.store.apis()}


@pytest.mark.parametrize(
    ("case", "scope"), [("may_not_create", "create:apis"), ("may_not_read", "read:apis")]
)
def test_without_the_scope_it_hears_which_one_is_needed(
    story: Story, case: str, scope: str
) -> None:
    refusal = story.delegation[case]
    name = {"javascript": "ApiError", "python": "ForbiddenException"}
    assert (refusal["name"], refusal["status"]) == (name[story.client], 403)
    (error,) = refusal["body"]["errors"]
    assert set(error) == {"code", "message"}
    assert scope in error["message"]
    assert refusal.get("understood", refusal["body"]) == refusal["body"]


def test_a_management_token_holds_what_was_granted(story: Story) -> None:
    found = claims(story.delegation["token"])
    assert (found["aud"], found["scope"]) == ([f"{story.kinde.issuer}/api"], "create:apis")


def test_a_token_is_asked_for_only_when_there_is_none(story: Story) -> None:
    # The administrator's, five for the new API, and the caller's, twice, then the impostor's. The
    # JavaScript client gives its token up when another application takes over, and asks once more.
    assert story.kinde.token_requests == {"python": 9, "javascript": 10}[story.client]
