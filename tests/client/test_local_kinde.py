"""Over real HTTP: what local Kinde grants and refuses, its faults, and a guarded API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from kinde_guard import KindeGuard, require_scopes
from kinde_guard.client import (
    ClientCredentials,
    ScopeNotGranted,
    TokenEndpointUnavailable,
    TokenRequestError,
)
from kinde_guard.local import LocalKinde, LoopbackServer
from tests.client.test_sharing import credentials_for

FAULTS = ["garbage", "truncated", "invalid_utf8", "oversized", "redirect", "disconnect"]


@pytest.fixture
def api(kinde: LocalKinde) -> Iterator[str]:
    def make(_: str) -> FastAPI:
        app = FastAPI()
        guard = KindeGuard(kinde.issuer, audience=kinde.audience, jwks_cooldown=0)
        guard.install(app)

        @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
        async def users() -> list[str]:
            return ["ada"]

        return app

    server = LoopbackServer(make)
    server.start()
    yield server.url
    server.stop()


def refusal(kinde: LocalKinde, **settings: Any) -> TokenRequestError:
    application = kinde.applications[1]
    with pytest.raises(TokenRequestError) as caught:
        ClientCredentials(
            kinde.issuer,
            **{
                "client_id": application.client_id,
                "client_secret": application.client_secret,
                "audience": kinde.audience,
                **settings,
            },
        ).fetch()
    return caught.value


def test_all_that_is_granted_is_given(kinde: LocalKinde) -> None:
    assert credentials_for(kinde).fetch().scopes == set(kinde.applications[0].apis[0].scopes)


def test_subset_is_given(kinde: LocalKinde) -> None:
    assert credentials_for(kinde, scopes=["read:users"]).fetch().scopes == {"read:users"}


@pytest.mark.parametrize(
    ("settings", "error", "status"),
    [
        ({"client_secret": "wrong"}, "invalid_client", 401),
        ({"client_id": "unknown"}, "invalid_client", 401),
        ({"audience": "https://other.test"}, "unauthorized_client", 400),
        ({"scopes": ["delete:users"]}, "invalid_scope", 400),
    ],
)
def test_refusal_is_told(
    kinde: LocalKinde, settings: dict[str, Any], error: str, status: int
) -> None:
    raised = refusal(kinde, **settings)
    assert (raised.error, raised.status) == (error, status)
    assert raised.description
    assert raised.advice
    assert kinde.token_requests == 1


@pytest.mark.parametrize("mode", ["sync", "async", "injected", "injected-async"])
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_unavailable_and_over_without_a_restart(
    kinde: LocalKinde, fault: Any, mode: str
) -> None:
    now = [0.0]

    async def main() -> None:
        with httpx.Client() as client:
            async with httpx.AsyncClient() as async_client:
                auth = credentials_for(
                    kinde,
                    monotonic=lambda: now[0],
                    http_client=client if mode == "injected" else None,
                    async_http_client=async_client if mode == "injected-async" else None,
                )
                failing = kinde.fail(fault, endpoint="token")
                with failing, pytest.raises(TokenEndpointUnavailable):
                    await (auth.afetch() if "async" in mode else asyncio.to_thread(auth.fetch))
                now[0] += 1
                assert await auth.afetch()

    asyncio.run(main())
    assert kinde.token_requests == 2


@pytest.mark.parametrize("injected", [False, True])
@pytest.mark.parametrize("fault", ["slow", "trickle"])
def test_slow_endpoint_is_unavailable_when_the_time_is_over(
    kinde: LocalKinde, fault: Any, injected: bool
) -> None:
    with httpx.Client() as client, kinde.fail(fault, endpoint="token", seconds=5):
        auth = credentials_for(kinde, timeout=0.7, http_client=client if injected else None)
        started = time.monotonic()
        with pytest.raises(TokenEndpointUnavailable, match=r"did not answer within 0\.7 s"):
            auth.fetch()
        assert time.monotonic() - started < 2.5


def test_stopped_kinde_is_unavailable(kinde: LocalKinde) -> None:
    auth = credentials_for(kinde)
    kinde.stop()
    with pytest.raises(TokenEndpointUnavailable):
        auth.fetch()
    kinde.start()
    auth.forget()
    assert auth.fetch()


def test_fault_with_an_oauth_error_is_a_refusal(kinde: LocalKinde) -> None:
    with kinde.fail("status", status=503, endpoint="token"), pytest.raises(TokenRequestError) as no:
        credentials_for(kinde).fetch()
    assert (no.value.error, no.value.status) == ("server_error", 503)


def test_guarded_api_is_called_with_one_token(kinde: LocalKinde, api: str) -> None:
    auth = credentials_for(kinde, scopes=["read:users"])
    with httpx.Client(base_url=api, auth=auth) as client:
        assert [client.get("/users").json() for _ in range(5)] == [["ada"]] * 5
    assert kinde.token_requests == 1


def test_withdrawn_key_costs_one_more_token_and_no_answer(kinde: LocalKinde, api: str) -> None:
    auth = credentials_for(kinde, scopes=["read:users"])
    with httpx.Client(base_url=api, auth=auth) as client:
        client.get("/users")
        kinde.rotate_keys()
        auth.fetch()
        # The guard learns of the rotation from a token with the new key.
        assert client.get("/users", auth=credentials_for(kinde)).status_code == 200
        assert client.get("/users").status_code == 200
    assert kinde.token_requests == 3


def test_scopes_that_are_lacking_are_the_apis_403(kinde: LocalKinde, api: str) -> None:
    auth = credentials_for(kinde, scopes=["read:roles"])
    with httpx.Client(base_url=api, auth=auth) as client:
        assert client.get("/users").json()["required_scopes"] == ["read:users"]
    assert kinde.token_requests == 1
    assert not issubclass(ScopeNotGranted, TokenRequestError)
