from __future__ import annotations

import httpx
import pytest

from kinde_guard.local import Application, LocalKinde
from tests.local.clients import API, INVALID_REQUEST, NOW, ask, assert_refused

BEARER_REFUSED = {
    "error": "invalid_token",
    "error_description": (
        "The access token is missing, expired, revoked, malformed or otherwise invalid."
    ),
}


def introspect(kinde: LocalKinde, http: httpx.Client, raw: str) -> httpx.Response:
    return http.post("/oauth2/introspect", data={"token": raw}, headers=kinde.authorization())


def test_a_token_of_the_token_endpoint_is_active(
    kinde: LocalKinde, http: httpx.Client, back_office: Application
) -> None:
    answer = introspect(kinde, http, ask(http, back_office).json()["access_token"])

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "active": True,
        "aud": [API],
        "client_id": back_office.client_id,
        "exp": NOW + 86_400,
        "iat": NOW,
    }


def test_a_users_token_is_active_too(kinde: LocalKinde, http: httpx.Client) -> None:
    answer = introspect(kinde, http, kinde.user_token(client_id="f" * 32, audience=()))

    assert answer.json() == {
        "active": True,
        "aud": [],
        "client_id": "f" * 32,
        "exp": NOW + 86_400,
        "iat": NOW,
    }


def test_whatever_is_no_active_access_token_is_inactive_and_no_more_is_said(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    good = kinde.token()
    header, payload, signature = good.split(".")
    for raw in (
        "x",
        "a.b.c",
        "." * 5,
        "é.ü.ö",
        "\x00",
        kinde.forged_token(),
        kinde.token(expires_in=0),
        kinde.token(iss="https://other.kinde.com"),
        kinde.token(jti=kinde.OMIT),
        kinde.token(exp="tomorrow"),
        kinde.token(aud=None),
        kinde.id_token(),
        f"{header}.{payload}",
        f"{header}.{payload}.",
        f"{header}.{payload}.é",
        f"{header}.{payload}.A",
        f"{header}.{payload}x.{signature}",
        f"{header}..{signature}",
        f"{good}.{signature}",
        "[" * 20_000,
    ):
        answer = introspect(kinde, http, raw)
        assert (answer.status_code, answer.json()) == (200, {"active": False})


def test_a_missing_token_is_invalid_request(kinde: LocalKinde, http: httpx.Client) -> None:
    assert_refused(
        introspect(kinde, http, ""),
        400,
        {
            "error": "invalid_request",
            "error_description": f"{INVALID_REQUEST} Request parameter 'token' is missing.",
        },
    )


@pytest.mark.parametrize("authorization", [None, "", "Basic eDp5"])
def test_a_caller_without_a_bearer_token_is_challenged(
    kinde: LocalKinde, http: httpx.Client, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = http.post("/oauth2/introspect", data={"token": kinde.token()}, headers=headers)

    assert_refused(answer, 401, BEARER_REFUSED)
    assert answer.headers["www-authenticate"] == 'Bearer realm="local kinde"'


def test_a_caller_with_a_bad_bearer_token_is_told_so(kinde: LocalKinde, http: httpx.Client) -> None:
    for bearer in ("", "x", kinde.token(expires_in=-1), kinde.forged_token(), kinde.id_token()):
        headers = {"Authorization": f"Bearer {bearer}".strip()}
        answer = http.post("/oauth2/introspect", data={"token": kinde.token()}, headers=headers)

        assert_refused(answer, 401, BEARER_REFUSED)
        challenge = 'Bearer realm="local kinde", error="invalid_token"'
        assert answer.headers["www-authenticate"] == challenge
