"""API keys against local Kinde, over real HTTP and with the verifier's own client."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from kinde_guard.api_keys import ApiKeys
from kinde_guard.api_keys.verifier import KeyVerifier
from kinde_guard.client import ClientCredentials
from kinde_guard.local import LocalKinde
from kinde_guard.local.store import NotThere
from kinde_guard.vocabulary.errors import ApiKeysUnavailable, InvalidApiKey

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


Bind = Callable[..., KeyVerifier]


@pytest.fixture
def bind(local_kinde: LocalKinde) -> Bind:
    def bind(**settings: Any) -> KeyVerifier:
        keys = ApiKeys(**settings)
        return keys.bind(local_kinde.issuer, (local_kinde.audience,), time.monotonic)

    return bind


@pytest.fixture
def credentials(local_kinde: LocalKinde) -> ClientCredentials:
    application = local_kinde.management
    assert application is not None
    return ClientCredentials(
        local_kinde.issuer,
        client_id=application.client_id,
        client_secret=application.client_secret,
        audience=local_kinde.management_audience,
        scopes=["read:api_keys", "read:apis"],
    )


async def test_key_of_a_user_and_an_organization_is_good(
    local_kinde: LocalKinde, bind: Bind, credentials: ClientCredentials
) -> None:
    user = local_kinde.store.add_user(email=f"{time.time_ns()}@acme.com").id
    organization = local_kinde.store.add_organization("Acme").code
    key = local_kinde.api_key(["read:users"], user=user, organization=organization)
    identity = await bind(credentials=credentials).verify(key.encode())
    assert identity.scopes == {"read:users"}
    assert (identity.claims["user_id"], identity.claims["org_code"]) == (user, organization)
    assert identity.key_id == identity.claims["key_id"]


async def test_key_is_good_without_credentials(local_kinde: LocalKinde, bind: Bind) -> None:
    key = local_kinde.api_key(scopes="read:users create:users")
    assert (await bind().verify(key.encode())).scopes == {"read:users", "create:users"}


async def test_key_of_another_api_passes_only_without_credentials(
    local_kinde: LocalKinde, bind: Bind, credentials: ClientCredentials
) -> None:
    audience = f"https://{time.time_ns()}.example"
    local_kinde.store.add_api("Other", audience)
    key = local_kinde.api_key(["read:users"], audience=audience).encode()
    assert (await bind().verify(key)).scopes == {"read:users"}
    with pytest.raises(InvalidApiKey):
        await bind(credentials=credentials).verify(key)


async def test_scope_that_the_api_lacks_is_added(local_kinde: LocalKinde, bind: Bind) -> None:
    scope = f"read:{time.time_ns()}"
    key = local_kinde.api_key([scope, "read:users"])
    assert (await bind().verify(key.encode())).scopes == {scope, "read:users"}


async def test_key_that_was_made_up_deleted_or_rotated_is_refused(
    local_kinde: LocalKinde, bind: Bind, credentials: ClientCredentials
) -> None:
    deleted, rotated = (local_kinde.api_key(["read:users"]) for _ in range(2))
    *_, first, second = local_kinde.store.api_keys()
    local_kinde.store.delete_api_key(first.id)
    _, renewed = local_kinde.store.rotate_api_key(second.id)
    bound = bind(credentials=credentials)
    for key in (deleted, rotated, "k_live_made_up"):
        with pytest.raises(InvalidApiKey):
            await bound.verify(key.encode())
    await bound.verify(renewed.encode())


async def test_tenant_that_is_down_gives_no_verdict_on_unknown_keys(
    local_kinde: LocalKinde, bind: Bind
) -> None:
    key, unknown = (local_kinde.api_key(["read:users"]).encode() for _ in range(2))
    bound = bind(max_age=0)
    await bound.verify(key)
    local_kinde.stop()
    await bound.verify(key)
    with pytest.raises(ApiKeysUnavailable):
        await bound.verify(unknown)


async def test_proxy_of_the_environment_is_not_asked_for_loopback(
    local_kinde: LocalKinde, bind: Bind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    await bind().verify(local_kinde.api_key().encode())


def test_key_for_what_is_not_there_cannot_be_made(local_kinde: LocalKinde) -> None:
    with pytest.raises(NotThere):
        local_kinde.api_key(audience="https://nowhere.example")
    with pytest.raises(NotThere):
        local_kinde.api_key(user="kp_nobody")
