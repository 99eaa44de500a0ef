"""The page "Sign in as …", the browser's session, and what other sites can do with either."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from kinde_guard.local import FRONT_END_CLIENT_ID, LocalKinde
from tests.local.clients import NOW
from tests.local.console.person import Controls
from tests.local.sign_in.front_end import (
    ADA,
    ANALYTICAL,
    CALLBACK,
    CHARLES,
    DIFFERENCE,
    MARY,
    FrontEnd,
    assert_page,
    form_of,
    told,
)
from tests.local.sign_in.test_user_tokens import claims_of


def signed_in(front_end: FrontEnd, answer: httpx.Response) -> tuple[str, str | None]:
    """Id and organization of the person whom an answer's code is of."""
    body = front_end.redeem(told(answer)["code"]).json()
    claims = claims_of(body["access_token"])
    return claims["sub"], claims.get("org_code")


def choices_of(page: httpx.Response) -> list[str]:
    return [html.unescape(name) for name in re.findall('aria-label="([^"]+)"', page.text)]


def test_the_page_lists_people_with_their_organizations(front_end: FrontEnd) -> None:
    page = front_end.authorize()

    assert_page(page, 200, "Sign in as …")
    assert choices_of(page) == [
        "Sign in as Ada Lovelace of Analytical Engines",
        "Sign in as Charles Babbage of Analytical Engines",
        "Sign in as Charles Babbage of Difference Works",
        "Sign in as Mary Somerville of Difference Works",
    ]
    assert "<b>Front end</b>" in page.text


def test_the_page_needs_nothing_beside_itself(front_end: FrontEnd) -> None:
    page = front_end.authorize()

    assert re.findall(r'(?:src|href)="|url\(|@import|<script|<link', page.text) == []
    assert Controls(page.text).unnamed == []
    policy = page.headers["content-security-policy"]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+';"
        r" base-uri 'none'; frame-ancestors 'none'",
        policy,
    )
    assert "cross-origin-opener-policy" not in page.headers


def test_the_person_who_is_chosen_is_signed_in(kinde: LocalKinde, front_end: FrontEnd) -> None:
    charles = kinde.people[1]
    answer = front_end.choose(front_end.authorize(), person=f"{charles.id} {DIFFERENCE}")

    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{CALLBACK}?code=")
    assert signed_in(front_end, answer) == (charles.id, DIFFERENCE)


def test_the_cookie_is_for_this_server_alone_and_new_after_a_sign_in(
    kinde: LocalKinde, front_end: FrontEnd
) -> None:
    page = front_end.authorize()
    answer = front_end.choose(page, person=f"{kinde.people[0].id} {ANALYTICAL}")

    port = httpx.URL(kinde.issuer).port
    before, after = page.headers["set-cookie"], answer.headers["set-cookie"]
    for cookie in (before, after):
        pattern = rf"local_kinde_session_{port}=[\w-]{{43}}; HttpOnly; Path=/; SameSite=lax"
        assert re.fullmatch(pattern, cookie)
    assert before != after


def test_a_hint_signs_in_without_the_page(kinde: LocalKinde, front_end: FrontEnd) -> None:
    ada, charles, mary = (person.id for person in kinde.people)

    assert signed_in(front_end, front_end.authorize(login_hint=ADA)) == (ada, ANALYTICAL)
    assert signed_in(front_end, front_end.authorize(login_hint=MARY.upper())) == (mary, DIFFERENCE)
    answer = front_end.authorize(login_hint=CHARLES, org_code=DIFFERENCE)
    assert signed_in(front_end, answer) == (charles, DIFFERENCE)
    answer = front_end.authorize(login_hint=CHARLES, prompt="login")
    assert signed_in(front_end, answer) == (charles, ANALYTICAL)


@pytest.mark.parametrize(
    ("email", "org_code"), [("nobody@example.com", None), (ADA, DIFFERENCE)], ids=repr
)
def test_a_hint_at_no_one_shows_the_page(
    front_end: FrontEnd, email: str, org_code: str | None
) -> None:
    page = front_end.authorize(login_hint=email, org_code=org_code)

    assert_page(page, 200, f"{email} is no person who may sign in")


def test_a_hint_with_markup_is_shown_as_text(front_end: FrontEnd) -> None:
    page = front_end.authorize(login_hint='<script>alert("@")</script>', state='"><b>')

    assert "<script" not in page.text
    assert '"><b>' not in page.text


def test_an_organization_limits_the_page_to_its_members(front_end: FrontEnd) -> None:
    page = front_end.authorize(org_code=DIFFERENCE)

    assert choices_of(page) == [
        "Sign in as Charles Babbage of Difference Works",
        "Sign in as Mary Somerville of Difference Works",
    ]


def test_a_suspended_person_is_neither_listed_nor_hinted_at(
    kinde: LocalKinde, front_end: FrontEnd
) -> None:
    kinde.store.update_user(kinde.people[0].id, is_suspended=True)

    page = front_end.authorize(login_hint=ADA)
    assert_page(page, 200, "is no person who may sign in here")
    assert "Ada Lovelace" not in page.text


def test_a_session_signs_in_without_the_page_until_it_ends(
    kinde: LocalKinde, front_end: FrontEnd, website: FrontEnd
) -> None:
    ada = kinde.people[0].id
    front_end.code(ADA)

    assert signed_in(front_end, front_end.authorize()) == (ada, ANALYTICAL)
    assert signed_in(front_end, front_end.authorize(prompt="none")) == (ada, ANALYTICAL)
    assert signed_in(website, website.authorize()) == (ada, ANALYTICAL)
    kinde.clock.advance(86_400)
    assert front_end.authorize().status_code == 200
    assert told(front_end.authorize(prompt="none"))["error"] == "login_required"


def test_a_silent_sign_in_says_when_the_person_did(kinde: LocalKinde, front_end: FrontEnd) -> None:
    front_end.code(ADA)
    kinde.clock.advance(500)
    body = front_end.redeem(told(front_end.authorize(prompt="none"))["code"]).json()

    claims = claims_of(body["id_token"])
    assert (claims["auth_time"], claims["iat"]) == (NOW, NOW + 500)


@pytest.mark.parametrize("prompt", ["login", "create", "select_account"])
def test_the_page_can_be_asked_for_in_spite_of_a_session(front_end: FrontEnd, prompt: str) -> None:
    front_end.code(ADA)

    assert front_end.authorize(prompt=prompt).status_code == 200


def test_nothing_to_show_is_login_required_for_another_person_or_organization(
    front_end: FrontEnd,
) -> None:
    front_end.code(ADA)

    for changes in ({"login_hint": MARY}, {"org_code": DIFFERENCE}):
        answer = front_end.authorize(prompt="none", **changes)
        assert told(answer)["error"] == "login_required"


def test_a_new_person_is_registered_and_signed_in(kinde: LocalKinde, front_end: FrontEnd) -> None:
    page = front_end.authorize(prompt="create", login_hint="grace@example.com")
    assert 'value="grace@example.com"' in page.text
    assert "<details open>" in page.text
    answer = front_end.choose(page, new="1", email="grace@example.com", first_name="Grace")

    grace = kinde.people[-1]
    assert (grace.email, grace.first_name, grace.organizations) == (
        "grace@example.com",
        "Grace",
        (ANALYTICAL,),
    )
    assert signed_in(front_end, answer) == (grace.id, ANALYTICAL)


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"new": "1", "email": "no address"}, 422, "This cannot be used"),
        ({"new": "1", "email": "a@b.c", "first_name": "x" * 65}, 422, "This cannot be used"),
        ({"new": "1", "email": ADA}, 409, "This address is taken"),
        ({"person": "kp_gone"}, 409, "This has changed meanwhile"),
        ({"person": ""}, 409, "This has changed meanwhile"),
        ({}, 409, "This has changed meanwhile"),
    ],
)
def test_a_choice_that_cannot_be_is_a_page(
    kinde: LocalKinde, front_end: FrontEnd, fields: dict[str, str], status: int, sentence: str
) -> None:
    answer = front_end.choose(front_end.authorize(), **fields)

    assert_page(answer, status, sentence)
    assert len(kinde.people) == 3


def test_a_choice_outside_of_the_organization_asked_for_is_refused(
    kinde: LocalKinde, front_end: FrontEnd
) -> None:
    page = front_end.authorize(org_code=DIFFERENCE)
    answer = front_end.choose(page, person=f"{kinde.people[1].id} {ANALYTICAL}")

    assert_page(answer, 409, "This has changed meanwhile")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=repr,
)
def test_a_form_of_another_site_signs_nobody_in(
    kinde: LocalKinde, http: httpx.Client, front_end: FrontEnd, headers: dict[str, str]
) -> None:
    url, token = form_of(front_end.authorize())
    data = {"csrf_token": token, "person": f"{kinde.people[0].id} {ANALYTICAL}"}

    answer = http.post(url, data=data, headers=headers)
    assert_page(answer, 403, "This request came from another site")
    assert front_end.authorize().status_code == 200


@pytest.mark.parametrize("token", ["", "0" * 64, "ä"])
def test_a_form_without_the_browsers_token_signs_nobody_in(
    kinde: LocalKinde, front_end: FrontEnd, token: str
) -> None:
    person = f"{kinde.people[0].id} {ANALYTICAL}"
    answer = front_end.choose(front_end.authorize(), csrf_token=token, person=person)

    assert_page(answer, 403, "This page is out of date")


def test_the_token_of_another_browser_signs_nobody_in(
    kinde: LocalKinde, http: httpx.Client, front_end: FrontEnd
) -> None:
    with httpx.Client(base_url=kinde.issuer) as other:
        _, token = form_of(FrontEnd(other, FRONT_END_CLIENT_ID).authorize())
    person = f"{kinde.people[0].id} {ANALYTICAL}"
    answer = front_end.choose(front_end.authorize(), csrf_token=token, person=person)

    assert_page(answer, 403, "This page is out of date")


def test_the_form_is_checked_again_so_a_changed_callback_leads_nowhere(
    kinde: LocalKinde, http: httpx.Client, front_end: FrontEnd
) -> None:
    page = front_end.authorize()
    url, token = form_of(page)
    changed = url.replace("localhost%3A3000%2Fcallback", "evil.example")
    assert changed != url
    data = {"csrf_token": token, "person": f"{kinde.people[0].id} {ANALYTICAL}"}

    answer = http.post(changed, data=data, headers={"Origin": kinde.issuer})
    assert_page(answer, 400, "This callback address is not allowed")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 415),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
    ],
)
def test_a_broken_form_is_a_page(
    kinde: LocalKinde,
    http: httpx.Client,
    front_end: FrontEnd,
    content: bytes,
    kind: str,
    status: int,
) -> None:
    url, _ = form_of(front_end.authorize())
    headers = {"Origin": kinde.issuer, "Content-Type": kind}

    assert_page(http.post(url, content=content, headers=headers), status, "cannot be read")


def test_under_another_host_name_there_is_no_page(http: httpx.Client, front_end: FrontEnd) -> None:
    answer = http.get(
        "/oauth2/auth", params=front_end.parameters(), headers={"Host": "rebound.example"}
    )

    assert answer.status_code == 421
