"""The parts of the server together: who is let in, where a person and a client find what."""

from __future__ import annotations

import httpx
import pytest

from kinde_guard.local import Application, LocalKinde
from tests.local.clients import ask


def test_a_request_that_names_another_host_is_misdirected_whatever_it_asks_for(
    http: httpx.Client,
) -> None:
    for path in ("/", "/.well-known/jwks", "/oauth2/token", "/api/v1/apis", "/console/"):
        answer = http.get(path, headers={"Host": "rebound.example"})
        assert (answer.status_code, answer.json()["error"]) == (421, "misdirected_request")


def test_the_root_leads_to_the_console(http: httpx.Client) -> None:
    answer = http.get("/", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/console/")
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("slashes", ["/", "//", "///"])
def test_the_management_api_is_guarded_and_answers_to_its_own_application(
    kinde: LocalKinde, http: httpx.Client, back_office: Application, slashes: str
) -> None:
    assert kinde.management is not None
    url = f"{kinde.issuer}{slashes}api{slashes}v1/apis"
    answer = ask(http, kinde.management, audience=kinde.management_audience)
    token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    stranger = ask(http, back_office).json()["access_token"]

    assert http.get(url, headers=token).status_code == 200
    assert http.get(url).status_code in {401, 403}
    refused = http.get(url, headers={"Authorization": f"Bearer {stranger}"})
    assert refused.status_code in {401, 403}


def test_the_management_api_goes_on_while_the_endpoints_are_told_to_fail_and_the_clock_moves(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    with kinde.fail("status"), kinde.fail("disconnect", endpoint="token"):
        kinde.clock.advance(3 * 86_400)
        try:
            headers = kinde.authorization(audience=kinde.management_audience)
            answer = http.get("/api/v1/apis", headers=headers)
        finally:
            kinde.clock.reset()
    # Back office's scopes do not open it; but who is asking was found out.
    assert answer.status_code == 403


def test_the_management_api_follows_a_rotation_at_once(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    def ask_for_apis() -> int:
        audience = kinde.management_audience
        headers = kinde.authorization(["read:apis"], audience=audience)
        return http.get("/api/v1/apis", headers=headers).status_code

    assert ask_for_apis() == 200
    kinde.rotate_keys()
    assert ask_for_apis() == 200
