"""``/logout``: ends the session and what it gave, and leads to allowed addresses alone."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from kinde_guard.local import LocalKinde
from tests.local.sign_in.front_end import FrontEnd, assert_page
from tests.local.sign_in.test_user_tokens import error_of, is_active

AFTER = "http://localhost:3000"


def test_sign_out_ends_the_session_and_leads_back(http: httpx.Client, front_end: FrontEnd) -> None:
    given = front_end.sign_in()
    answer = http.get("/logout", params={"redirect": AFTER})

    assert (answer.status_code, answer.headers["location"]) == (302, AFTER)
    assert "session_" in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert front_end.authorize().status_code == 200
    assert error_of(front_end.refresh(given["refresh_token"])) == (400, "invalid_grant")
    assert not is_active(http, given["access_token"])


def test_the_sign_ins_of_another_browser_go_on(kinde: LocalKinde, http: httpx.Client) -> None:
    with httpx.Client(base_url=kinde.issuer) as other:
        theirs = FrontEnd(other, kinde.applications[-1].client_id)
        given = theirs.sign_in()
        http.get("/logout")
        assert theirs.refresh(given["refresh_token"]).status_code == 200


@pytest.mark.parametrize("name", ["redirect", "post_logout_redirect_uri"])
def test_either_name_of_the_address_is_taken(http: httpx.Client, name: str) -> None:
    answer = http.get("/logout", params={name: AFTER, "all_sessions": "true", "state": "a b"})

    assert answer.headers["location"] == f"{AFTER}?state=a+b"


@pytest.mark.parametrize(
    "query",
    [
        {"redirect": "https://evil.example"},
        {"redirect": "http://localhost:3000/callback"},
        {"redirect": f"{AFTER}//"},
        {"redirect": "//evil.example"},
        {"redirect": [AFTER, AFTER]},
        {"redirect": AFTER, "post_logout_redirect_uri": "https://evil.example"},
    ],
    ids=repr,
)
def test_at_any_other_address_nothing_happens(
    http: httpx.Client, front_end: FrontEnd, query: dict[str, Any]
) -> None:
    front_end.code()

    assert_page(http.get("/logout", params=query), 400, "This logout address is not allowed")
    assert front_end.authorize().status_code == 302


def test_without_an_address_a_page_says_so(http: httpx.Client, front_end: FrontEnd) -> None:
    front_end.code()

    assert_page(http.get("/logout"), 200, "You are signed out.")
    assert front_end.authorize().status_code == 200


def test_addresses_can_be_allowed(kinde: LocalKinde, http: httpx.Client) -> None:
    kinde.allow_logout(kinde.applications[-1], "myapp://signed-out")

    answer = http.get("/logout", params={"redirect": "myapp://signed-out"})
    assert answer.headers["location"] == "myapp://signed-out"


@pytest.mark.parametrize("url", ["/relative", "javascript:alert(1)", "http://", "http://a/#b", ""])
def test_what_is_no_address_cannot_be_allowed(kinde: LocalKinde, url: str) -> None:
    for allow in (kinde.allow_callback, kinde.allow_logout):
        with pytest.raises(ValueError, match="no address to be called back at"):
            allow(kinde.applications[-1], url)
