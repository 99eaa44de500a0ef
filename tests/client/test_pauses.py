"""A failure is not repeated by everyone who comes, and is over without a restart."""

from __future__ import annotations

import asyncio
import copy
import pickle
import random

import httpx
import pytest

from kinde_guard.client import (
    ClientCredentialsError,
    ScopeNotGranted,
    TokenEndpointUnavailable,
    TokenRequestError,
)
from tests.client.token_endpoint import TokenEndpoint, good

INVALID_CLIENT = {"error": "invalid_client", "error_description": "No."}


def test_thousand_callers_repeat_no_refusal(endpoint: TokenEndpoint) -> None:
    endpoint.answer = httpx.Response(401, json=INVALID_CLIENT)
    auth = endpoint.credentials()

    async def main() -> list[object]:
        calls = (auth.afetch() for _ in range(1_000))
        asyncio.get_running_loop().call_later(0.2, endpoint.gate.set)
        return list(await asyncio.gather(*calls, return_exceptions=True))

    endpoint.gate.clear()

    errors = asyncio.run(main()) + asyncio.run(main())
    assert {type(error) for error in errors} == {TokenRequestError}
    assert len({id(error) for error in errors}) == 2_000
    assert len(endpoint.requests) == 1


def test_pause_doubles_up_to_a_minute(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda _, high: high)
    endpoint.answer = httpx.Response(500, text="no")
    auth = endpoint.credentials()
    for asked, pause in enumerate([1, 2, 4, 8, 16, 32, 60, 60], start=1):
        with pytest.raises(TokenEndpointUnavailable):
            auth.fetch()
        endpoint.monotonic.advance(pause - 0.01)
        with pytest.raises(TokenEndpointUnavailable):
            auth.fetch()
        assert len(endpoint.requests) == asked
        endpoint.monotonic.advance(0.02)


def test_success_ends_the_pauses(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials()
    bad = httpx.Response(500, text="no")
    for answer in (bad, bad, None, bad):
        endpoint.answer = answer
        if answer is None:
            auth.fetch()
            endpoint.clock.advance(86_400)
        else:
            with pytest.raises(TokenEndpointUnavailable):
                auth.fetch()
            endpoint.monotonic.advance(2)
    endpoint.monotonic.advance(-1)
    endpoint.answer = None
    assert auth.fetch().access_token == "token-5"


@pytest.mark.parametrize(
    ("headers", "status", "pause"),
    [
        ({"retry-after": "20"}, 429, 20),
        ({"ratelimit-reset": "20"}, 429, 20),
        ({"retry-after": "999999999999999"}, 503, 300),
        ({"retry-after": "0"}, 503, 1),
        ({"retry-after": "-5"}, 503, 1),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 503, 1),
    ],
)
def test_pause_that_the_server_asks_for_is_kept(
    endpoint: TokenEndpoint, headers: dict[str, str], status: int, pause: int
) -> None:
    endpoint.answer = httpx.Response(status, headers=headers)
    auth = endpoint.credentials()
    for step in (0, pause - 0.01):
        endpoint.monotonic.advance(step)
        with pytest.raises(TokenEndpointUnavailable):
            auth.fetch()
    assert len(endpoint.requests) == 1
    endpoint.answer = None
    endpoint.monotonic.advance(0.02)
    assert auth.fetch().access_token == "token-2"


def test_token_with_too_few_scopes_is_not_bought_again_at_once(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials(scopes=["read:users"])
    for _ in range(10):
        with pytest.raises(ScopeNotGranted):
            auth.fetch()
    assert len(endpoint.requests) == 1
    endpoint.members = {"scope": "read:users"}
    endpoint.monotonic.advance(1)
    assert auth.fetch().scopes == {"read:users"}


def test_forget_ends_a_pause(endpoint: TokenEndpoint) -> None:
    endpoint.answer = httpx.Response(401, json=INVALID_CLIENT)
    auth = endpoint.credentials()
    with pytest.raises(TokenRequestError):
        auth.fetch()
    endpoint.answer = httpx.Response(200, json=good())
    auth.forget()
    assert auth.fetch().access_token == "token-1"


@pytest.mark.parametrize(
    "error",
    [
        TokenRequestError("invalid_client", "No.", 401),
        TokenEndpointUnavailable("https://acme.kinde.com/oauth2/token", "it is slow", 503),
        ScopeNotGranted(("a",), frozenset({"b"})),
    ],
)
def test_error_survives_copying_and_pickling(error: ClientCredentialsError) -> None:
    error.retry_after = 5.0
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(twin), twin.args, str(twin)) == (type(error), error.args, str(error))
        assert vars(twin) == vars(error)
