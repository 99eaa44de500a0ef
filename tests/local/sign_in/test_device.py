"""Devices: codes, the page at which a person signs in for one, and what the device is told."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from kinde_guard.local import LocalKinde
from tests.local.clients import API
from tests.local.sign_in.front_end import ANALYTICAL, FrontEnd, assert_page, form_of
from tests.local.sign_in.test_user_tokens import claims_of, error_of

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
PATHS = ["/oauth2/device/auth", "/oauth2/v2/device_authorization"]


def begin(front_end: FrontEnd, path: str = PATHS[0], **changes: Any) -> dict[str, Any]:
    form = {**front_end.client, "scope": "openid offline", "audience": API, **changes}
    answer = front_end.http.post(path, data=form)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    body: dict[str, Any] = answer.json()
    return body


def poll(front_end: FrontEnd, device: dict[str, Any]) -> httpx.Response:
    form = {"grant_type": GRANT, **front_end.client, "device_code": device["device_code"]}
    return front_end.post(form)


def approve(kinde: LocalKinde, front_end: FrontEnd, device: dict[str, Any]) -> httpx.Response:
    page = front_end.http.get("/device", params={"user_code": device["user_code"]})
    person = f"{kinde.people[0].id} {ANALYTICAL}"
    return front_end.choose(page, user_code=device["user_code"], person=person)


@pytest.mark.parametrize("path", PATHS)
def test_a_device_is_signed_in_by_a_person_elsewhere(
    kinde: LocalKinde, front_end: FrontEnd, path: str
) -> None:
    device = begin(front_end, path)
    assert re.fullmatch("[A-Z]{4}-[A-Z]{4}", device["user_code"])
    assert device == {
        "device_code": device["device_code"],
        "user_code": device["user_code"],
        "verification_uri": f"{kinde.issuer}/device",
        "verification_uri_complete": f"{kinde.issuer}/device?user_code={device['user_code']}",
        "expires_in": 600,
        "interval": 5,
    }
    assert error_of(poll(front_end, device)) == (400, "authorization_pending")
    assert error_of(poll(front_end, device)) == (400, "slow_down")
    kinde.clock.advance(5)
    assert error_of(poll(front_end, device)) == (400, "authorization_pending")

    assert_page(approve(kinde, front_end, device), 200, "The device is signed in.")
    body = poll(front_end, device).json()
    claims = claims_of(body["access_token"])
    assert (claims["sub"], claims["aud"]) == (kinde.people[0].id, [API])
    assert set(body) == {
        "access_token",
        "expires_in",
        "id_token",
        "refresh_token",
        "scope",
        "token_type",
    }
    assert front_end.refresh(body["refresh_token"]).status_code == 200
    assert error_of(poll(front_end, device)) == (400, "invalid_grant")


def test_the_code_may_be_typed_in_any_case_without_its_hyphen(front_end: FrontEnd) -> None:
    device = begin(front_end)
    typed = device["user_code"].lower().replace("-", " ")

    page = front_end.http.get("/device", params={"user_code": typed})
    assert_page(page, 200, device["user_code"])


def test_a_page_asks_for_the_code_and_says_when_no_device_waits(http: httpx.Client) -> None:
    assert_page(http.get("/device"), 200, "Type the code that the device shows.")
    page = http.get("/device", params={"user_code": '"><script>'})
    assert_page(page, 200, "No device waits under this code")
    assert "<script" not in page.text


def test_a_refused_device_is_told_so(front_end: FrontEnd) -> None:
    device = begin(front_end)
    page = front_end.http.get("/device", params={"user_code": device["user_code"]})

    assert_page(front_end.choose(page, user_code=device["user_code"], deny="1"), 200, "Refused")
    assert error_of(poll(front_end, device)) == (400, "access_denied")


def test_codes_expire(kinde: LocalKinde, front_end: FrontEnd) -> None:
    device = begin(front_end)
    page = front_end.http.get("/device", params={"user_code": device["user_code"]})
    kinde.clock.advance(600)

    late = front_end.choose(page, user_code=device["user_code"], person=kinde.people[0].id)
    assert_page(late, 409, "No device waits under this code")
    assert error_of(poll(front_end, device)) == (400, "expired_token")


def test_the_code_of_another_client_is_refused(front_end: FrontEnd, website: FrontEnd) -> None:
    assert error_of(poll(website, begin(front_end))) == (400, "invalid_grant")


def test_a_form_of_another_site_signs_no_device_in(kinde: LocalKinde, front_end: FrontEnd) -> None:
    device = begin(front_end)
    page = front_end.http.get("/device", params={"user_code": device["user_code"]})
    url, token = form_of(page)
    data = {"csrf_token": token, "user_code": device["user_code"], "person": kinde.people[0].id}

    answer = front_end.http.post(url, data=data, headers={"Origin": "https://evil.example"})
    assert_page(answer, 403, "This request came from another site")
    assert error_of(poll(front_end, device)) == (400, "authorization_pending")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "x"}, (401, "invalid_client")),
        ({"scope": "fly"}, (400, "invalid_scope")),
    ],
)
def test_a_request_that_cannot_be_is_refused(
    front_end: FrontEnd, changes: dict[str, str], error: tuple[int, str]
) -> None:
    form = {**front_end.client, **changes}
    assert error_of(front_end.http.post(PATHS[0], data=form)) == error


def test_a_machine_cannot_be_signed_in(kinde: LocalKinde, http: httpx.Client) -> None:
    machine = kinde.applications[0]
    form = {"client_id": machine.client_id, "client_secret": machine.client_secret}

    assert error_of(http.post(PATHS[0], data=form)) == (400, "unauthorized_client")
