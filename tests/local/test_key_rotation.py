from __future__ import annotations

from collections.abc import Iterator

import httpx
import jwt
import pytest

from kinde_guard.local import LocalKinde
from tests.local.clients import verified


@pytest.fixture
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


def published(http: httpx.Client) -> list[str]:
    return [key["kid"] for key in http.get("/.well-known/jwks").json()["keys"]]


def test_a_rotation_replaces_the_key_and_tokens_of_the_old_one_no_longer_verify(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    old, (old_kid,) = kinde.token(), published(http)

    kinde.rotate_keys()

    (new_kid,) = published(http)
    assert new_kid != old_kid
    assert jwt.get_unverified_header(kinde.token())["kid"] == new_kid
    assert verified(http, kinde.token())["iss"] == kinde.issuer
    answer = http.post("/oauth2/introspect", data={"token": old}, headers=kinde.authorization())
    assert answer.json() == {"active": False}


def test_a_rotation_that_keeps_the_old_key_publishes_both_the_new_one_first(
    kinde: LocalKinde, http: httpx.Client
) -> None:
    old, (old_kid,) = kinde.token(), published(http)

    kinde.rotate_keys(keep_old=True)

    new_kid = jwt.get_unverified_header(kinde.token())["kid"]
    assert published(http) == [new_kid, old_kid]
    assert verified(http, old)["iss"] == kinde.issuer


def test_a_forged_token_follows_the_rotation(kinde: LocalKinde, http: httpx.Client) -> None:
    kinde.rotate_keys()

    assert [jwt.get_unverified_header(kinde.forged_token())["kid"]] == published(http)
