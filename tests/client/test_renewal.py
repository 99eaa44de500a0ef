"""A token is kept until shortly before it expires, and renewed without anybody waiting."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from kinde_guard.client import ClientCredentials, TokenGrant, TokenRequestError
from tests.client.test_sharing import until
from tests.client.token_endpoint import TokenEndpoint
from tests.mint import NOW

INVALID_CLIENT = {"error": "invalid_client"}


def token(auth: ClientCredentials) -> str:
    return auth.fetch().access_token


def test_grant_says_what_was_granted_and_until_when(endpoint: TokenEndpoint) -> None:
    endpoint.members = {"scope": "read:users read:roles"}
    assert endpoint.credentials().fetch() == TokenGrant(
        "token-1",
        frozenset({"read:users", "read:roles"}),
        datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=86_399),
    )


def test_token_that_is_fresh_is_kept(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials()
    token(auth)
    endpoint.clock.advance(86_399 - 61)
    assert (token(auth), len(endpoint.requests)) == ("token-1", 1)


def test_token_that_is_due_serves_on_while_it_is_renewed(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials()
    token(auth)
    endpoint.clock.advance(86_399 - 59)
    endpoint.gate.clear()
    assert {token(auth) for _ in range(50)} == {"token-1"}
    endpoint.gate.set()
    until(lambda: token(auth) == "token-2")
    assert len(endpoint.requests) == 2


def test_token_that_is_spent_is_waited_for(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials()
    token(auth)
    endpoint.clock.advance(86_399 - 9)
    assert (token(auth), len(endpoint.requests)) == ("token-2", 2)


def test_token_that_is_due_serves_on_while_renewal_fails(
    endpoint: TokenEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    auth = endpoint.credentials()
    token(auth)
    endpoint.answer = httpx.Response(401, json=INVALID_CLIENT)
    endpoint.clock.advance(86_399 - 59)
    token(auth)
    until(lambda: not any(each.name == "kinde-guard token" for each in threading.enumerate()))
    assert {token(auth) for _ in range(50)} == {"token-1"}
    assert len(endpoint.requests) == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    endpoint.clock.advance(50)
    with pytest.raises(TokenRequestError):
        token(auth)
    endpoint.answer = None
    endpoint.monotonic.advance(1)
    assert (token(auth), len(endpoint.requests)) == ("token-3", 3)


@pytest.mark.parametrize(("lifetime", "fresh"), [(100, 79), (10, 7), (1, 0.7)])
def test_margins_shrink_with_the_lifetime(
    endpoint: TokenEndpoint, lifetime: int, fresh: float
) -> None:
    endpoint.members = {"expires_in": lifetime}
    auth = endpoint.credentials()
    token(auth)
    endpoint.clock.advance(fresh)
    assert (token(auth), len(endpoint.requests)) == ("token-1", 1)
    endpoint.clock.advance(lifetime * 0.95 - fresh)
    assert (token(auth), len(endpoint.requests)) == ("token-2", 2)


def test_token_with_hardly_a_life_is_given_to_who_asked(endpoint: TokenEndpoint) -> None:
    endpoint.members = {"expires_in": 1e-9}
    auth = endpoint.credentials()
    assert [token(auth), token(auth)] == ["token-1", "token-2"]


def test_forgotten_token_is_asked_for_anew(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials()
    token(auth)
    auth.forget()
    assert (token(auth), len(endpoint.requests)) == ("token-2", 2)


def test_forgetting_covers_what_is_under_way(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials()
    endpoint.gate.clear()
    early: list[str] = []
    thread = threading.Thread(target=lambda: early.append(token(auth)))
    thread.start()
    until(lambda: len(endpoint.requests) == 1)
    auth.forget()
    endpoint.gate.set()
    thread.join(10)
    assert (early, token(auth)) == (["token-1"], "token-2")
