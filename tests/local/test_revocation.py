from __future__ import annotations

from typing import Any

import httpx
import pytest

from kinde_guard.local import Application, LocalKinde
from tests.local.clients import (
    INVALID_CLIENT,
    INVALID_REQUEST,
    UNAUTHORIZED,
    ask,
    assert_refused,
    credentials,
)


def revoke(
    http: httpx.Client, application: Application, raw: str, **changes: Any
) -> httpx.Response:
    data = {**credentials(application), "token": raw, **changes}
    return http.post("/oauth2/revoke", data=data)


def is_active(kinde: LocalKinde, http: httpx.Client, raw: str) -> bool:
    headers = kinde.authorization()
    answer = http.post("/oauth2/introspect", data={"token": raw}, headers=headers).json()
    return bool(answer["active"])


def test_a_revoked_token_is_inactive_from_then_on_and_no_other_is(
    kinde: LocalKinde, http: httpx.Client, back_office: Application
) -> None:
    first, second = (ask(http, back_office).json()["access_token"] for _ in range(2))

    answer = revoke(http, back_office, first, token_type_hint="access_token")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert "content-type" not in answer.headers
    assert not is_active(kinde, http, first)
    assert is_active(kinde, http, second)


def test_a_revoked_token_no_longer_lets_its_bearer_introspect(
    kinde: LocalKinde, http: httpx.Client, back_office: Application
) -> None:
    headers = kinde.authorization()
    revoke(http, back_office, headers["Authorization"].removeprefix("Bearer "))

    answer = http.post("/oauth2/introspect", data={"token": kinde.token()}, headers=headers)
    assert answer.status_code == 401


def test_a_token_that_is_not_active_is_revoked_already(
    kinde: LocalKinde, http: httpx.Client, back_office: Application
) -> None:
    for raw in ("x", kinde.token(expires_in=-1), kinde.forged_token()):
        answer = revoke(http, back_office, raw)
        assert (answer.status_code, answer.content) == (200, b"")


def test_the_token_of_another_application_is_refused_and_stays_active(
    kinde: LocalKinde, http: httpx.Client, reporting: Application
) -> None:
    raw = kinde.token()

    assert_refused(
        revoke(http, reporting, raw),
        400,
        {
            "errors": [
                {
                    "code": "unauthorized_client",
                    "message": f"{UNAUTHORIZED} The token was issued to another application.",
                }
            ]
        },
    )
    assert is_active(kinde, http, raw)


@pytest.mark.parametrize("changes", [{"client_secret": "wrong"}, {"client_id": "x"}])
def test_bad_credentials_are_invalid_client(
    kinde: LocalKinde, http: httpx.Client, back_office: Application, changes: dict[str, str]
) -> None:
    raw = kinde.token()

    assert_refused(revoke(http, back_office, raw, **changes), 401, INVALID_CLIENT)
    assert is_active(kinde, http, raw)


def test_a_missing_token_is_invalid_request(http: httpx.Client, back_office: Application) -> None:
    message = f"{INVALID_REQUEST} Request parameter 'token' is missing."

    assert_refused(
        revoke(http, back_office, ""),
        400,
        {"errors": [{"code": "invalid_request", "message": message}]},
    )


def test_another_content_type_is_415_in_the_same_shape(http: httpx.Client) -> None:
    answer = http.post("/oauth2/revoke", json={"token": "x"})

    assert answer.status_code == 415
    assert answer.json()["errors"][0]["code"] == "invalid_request"
