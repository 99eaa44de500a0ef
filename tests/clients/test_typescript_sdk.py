"""@kinde-oss/kinde-typescript-sdk asks for client-credentials tokens and verifies them itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pytest

from kinde_guard.local import AUDIENCE, SCOPES, Application, LocalKinde
from tests.clients.real_clients import WRONG_SECRET, Runtime, claims, credentials

INVOICES: Final = "https://api.invoices.example"
"""A second API, of which the application holds ``read:invoices``."""

ASKED: Final[dict[str, dict[str, Any]]] = {
    "all": {"audience": AUDIENCE},
    "empty": {"audience": AUDIENCE, "scope": ""},
    "subset": {"audience": AUDIENCE, "scope": "update:roles read:users"},
    "two_apis": {"audience": [AUDIENCE, INVOICES]},
}
REFUSED: Final = {
    "scope": {"audience": AUDIENCE, "scope": "read:users launch:rockets"},
    "audience": {"audience": "https://another.example"},
    "no_audience": {},
}
REQUESTS: Final = len(ASKED) + 1 + len(REFUSED) + 1
"""One for each token, one for the token that is asked for twice, one for each refusal."""


@dataclass(frozen=True)
class Story:
    """What the client told, and what local Kinde counted meanwhile."""

    told: Any
    token_requests: int


@pytest.fixture(scope="module")
def story(node: Runtime, kinde: LocalKinde, back_office: Application) -> Story:
    api_id = kinde.store.add_api("Invoices API", INVOICES)
    scope_id = kinde.store.add_scope(api_id, "read:invoices")
    kinde.store.authorise(back_office.client_id, api_id)
    kinde.store.grant(back_office.client_id, api_id, scope_id)
    told = node.run(
        "typescript_sdk.mjs",
        kinde,
        credentials=credentials(back_office),
        wrong_secret=WRONG_SECRET,
        asked=ASKED,
        refused=REFUSED,
    )
    return Story(told, kinde.token_requests)


@pytest.mark.parametrize(
    ("name", "audience", "scopes"),
    [
        ("all", [AUDIENCE], list(SCOPES)),
        ("empty", [AUDIENCE], list(SCOPES)),
        ("subset", [AUDIENCE], ["update:roles", "read:users"]),
        ("two_apis", [AUDIENCE, INVOICES], [*SCOPES, "read:invoices"]),
    ],
)
def test_a_token_holds_what_was_asked_for(
    story: Story, name: str, audience: list[str], scopes: list[str]
) -> None:
    found = claims(story.told["tokens"][name])
    assert found["aud"] == audience
    assert found["scope"] == " ".join(scopes)
    assert found["scp"] == scopes


def test_a_token_says_who_issued_it_to_whom(
    story: Story, kinde: LocalKinde, back_office: Application
) -> None:
    found = claims(story.told["tokens"]["all"])
    assert (found["iss"], found["azp"]) == (kinde.issuer, back_office.client_id)
    assert found["gty"] == ["client_credentials"]


def test_a_token_in_hand_is_used_again(story: Story) -> None:
    first, second = story.told["twice"]
    assert first == second
    assert story.token_requests == REQUESTS


def test_refusals_reach_the_caller_in_the_token_endpoint_s_words(story: Story) -> None:
    refusals = story.told["refusals"]
    assert refusals["wrong_secret"].startswith("Client authentication failed (e.g., unknown client")
    assert "launch:rockets" in refusals["scope"]
    assert "https://another.example" in refusals["audience"]
    assert "audience" in refusals["no_audience"]
