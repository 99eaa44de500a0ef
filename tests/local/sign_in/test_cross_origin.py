"""Which pages of other origins may read what from a browser."""

from __future__ import annotations

import httpx
import pytest

from kinde_guard.local import LocalKinde

ALLOWED = "http://localhost:3000"
FOREIGN = [
    "https://evil.example",
    "http://localhost:3001",
    "https://localhost:3000",
    "http://LOCALHOST:3000",
    "null",
    "",
]
OPEN = [
    "/oauth2/token",
    "/oauth2/v2/user_profile",
    "/.well-known/openid-configuration",
    "/.well-known/jwks",
    "/.well-known/jwks.json",
    "/account_api/v1/permissions",
]
CLOSED = ["/oauth2/auth", "/logout", "/console/", "/api/v1/users", "/device", "/"]


def preflight(http: httpx.Client, path: str, origin: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,kinde-sdk",
    }
    return http.options(path, headers=headers)


@pytest.mark.parametrize("path", OPEN)
def test_a_front_ends_origin_is_let_in(http: httpx.Client, path: str) -> None:
    asked = preflight(http, path, ALLOWED)

    assert (asked.status_code, asked.content) == (204, b"")
    for name, value in {
        "access-control-allow-origin": ALLOWED,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "authorization,content-type,kinde-sdk",
        "vary": "Origin, Access-Control-Request-Headers",
    }.items():
        assert asked.headers[name] == value
    answer = http.get(path, headers={"Origin": ALLOWED})
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("path", OPEN)
def test_another_origin_is_not(http: httpx.Client, path: str, origin: str) -> None:
    for answer in (preflight(http, path, origin), http.get(path, headers={"Origin": origin})):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", CLOSED)
def test_the_rest_is_open_to_no_other_origin(http: httpx.Client, path: str) -> None:
    for answer in (preflight(http, path, ALLOWED), http.get(path, headers={"Origin": ALLOWED})):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_refusals_and_faults_can_be_read_too(kinde: LocalKinde, http: httpx.Client) -> None:
    with kinde.fail("status", endpoint="token", status=503):
        failed = http.post("/oauth2/token", headers={"Origin": ALLOWED})
    refused = http.post("/oauth2/token", headers={"Origin": ALLOWED})

    for answer, status in ((failed, 503), (refused, 415)):
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == ALLOWED


def test_an_allowed_callback_opens_its_origin_at_once(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    origin = "https://app.example"
    assert preflight(http, OPEN[0], origin).status_code == 405
    kinde.allow_callback(kinde.applications[-1], "https://App.example:443/callback")

    assert preflight(http, OPEN[0], origin).status_code == 204


def test_a_preflight_is_not_counted_as_a_token_request(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    before = kinde.token_requests
    preflight(http, "/oauth2/token", ALLOWED)

    assert kinde.token_requests == before
