"""Which keys are good, how often Kinde is asked, and what is sent."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import anyio
import httpx
import pytest

from kinde_guard.vocabulary.errors import ApiKeysUnavailable, InvalidApiKey
from tests.api_keys.kinde_api import ISSUER, KEY, KEY_ID, KindeApi, good
from tests.mint import FrozenClock

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_good_key_gives_its_scopes_and_what_kinde_answered(kinde: KindeApi) -> None:
    identity = await kinde.bind().verify(KEY)
    assert identity.scopes == frozenset({"read:users"})
    assert identity.claims == good()
    assert identity.key_id == KEY_ID


async def test_request_is_what_kinde_documents(kinde: KindeApi) -> None:
    await kinde.bind().verify(KEY)
    (request,) = kinde.requests
    assert (request.method, str(request.url)) == ("POST", f"{ISSUER}/api/v1/api_keys/verify")
    assert request.headers["Content-Type"] == "application/json"
    assert "Authorization" not in request.headers
    assert json.loads(request.content) == {"api_key": KEY.decode()}


async def test_domain_is_asked_in_place_of_the_issuer(kinde: KindeApi) -> None:
    await kinde.bind(domain="auth.acme.com").verify(KEY)
    assert kinde.requests[0].url.host == "auth.acme.com"


async def test_claims_cannot_be_changed(kinde: KindeApi) -> None:
    identity = await kinde.bind().verify(KEY)
    with pytest.raises(TypeError):
        identity.claims["scopes"] = ["admin"]  # type: ignore[index]


async def test_kinde_is_asked_once_in_max_age(kinde: KindeApi, monotonic: FrozenClock) -> None:
    bound = kinde.bind()
    for _ in range(3):
        await bound.verify(KEY)
    monotonic.advance(299.9)
    await bound.verify(KEY)
    assert kinde.verifications == 1
    monotonic.advance(0.1)
    await bound.verify(KEY)
    assert kinde.verifications == 2


async def test_refused_key_is_asked_for_once_in_max_age(
    kinde: KindeApi, monotonic: FrozenClock
) -> None:
    bound = kinde.bind()
    for _ in range(3):
        with pytest.raises(InvalidApiKey):
            await bound.verify(b"made-up")
    assert kinde.verifications == 1
    monotonic.advance(300)
    kinde.keys["made-up"] = good()
    await bound.verify(b"made-up")
    assert kinde.verifications == 2


async def test_cached_key_is_at_hand_without_waiting(
    kinde: KindeApi, monotonic: FrozenClock
) -> None:
    bound = kinde.bind()
    assert bound.find_cached(KEY) is None
    identity = await bound.verify(KEY)
    assert bound.find_cached(KEY) is identity
    assert bound.find_cached(b"x" * 513) is None
    monotonic.advance(300)
    assert bound.find_cached(KEY) is None


async def test_revoked_key_is_refused_after_max_age_and_not_served_in_an_outage(
    kinde: KindeApi, monotonic: FrozenClock
) -> None:
    bound = kinde.bind()
    await bound.verify(KEY)
    kinde.keys[KEY.decode()] = good(is_valid=False, status="revoked")
    monotonic.advance(300)
    with pytest.raises(InvalidApiKey):
        await bound.verify(KEY)
    kinde.verify = httpx.Response(500)
    with pytest.raises(InvalidApiKey):
        await bound.verify(KEY)


async def test_rotated_key_is_good_by_its_new_secret_only(
    kinde: KindeApi, monotonic: FrozenClock
) -> None:
    bound = kinde.bind_to_api()
    await bound.verify(KEY)
    kinde.keys = {"k_live_rotated": good()}
    monotonic.advance(300)
    with pytest.raises(InvalidApiKey):
        await bound.verify(KEY)
    await bound.verify(b"k_live_rotated")
    assert kinde.asked["details"] == 1


@pytest.mark.parametrize(
    "key",
    [b"", b"a" * 513, b"a.b", b"a b", b"a\x00", b"a\n", "ä".encode(), b"\x7f", b".", b"a\t"],
    ids=repr,
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_value_that_is_no_key_is_refused_and_not_asked_for(
    kinde: KindeApi, key: bytes
) -> None:
    with pytest.raises(InvalidApiKey):
        await kinde.bind().verify(key)
    assert kinde.requests == []


@pytest.mark.parametrize("key", [b'"', b"\\", b"a" * 512, bytes(range(0x2F, 0x7F))], ids=repr)
async def test_any_visible_key_reaches_kinde_as_it_is(kinde: KindeApi, key: bytes) -> None:
    kinde.keys[key.decode()] = good()
    await kinde.bind().verify(key)
    assert json.loads(kinde.requests[0].content) == {"api_key": key.decode()}


NOT_GOOD: list[dict[str, Any]] = [
    {"is_valid": "true"},
    {"is_valid": 1},
    {"is_valid": None},
    {"is_valid": False},
    {"status": None},
    {"status": "inactive"},
    {"status": "revoked"},
    {"status": "ACTIVE"},
    {"status": ["active"]},
    {"scopes": None},
    {"scopes": "read:users"},
    {"scopes": {"read:users": True}},
    {"scopes": ["read:users", 1]},
    {"scopes": [["read:users"]]},
    {"key_id": 7},
    {"key_id": "../../users"},
    {"key_id": "a" * 129},
    {"user_id": ["kp_1"]},
    {"org_code": 1},
]


@pytest.mark.parametrize("members", NOT_GOOD, ids=repr)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_answer_of_another_shape_is_not_good(
    kinde: KindeApi, members: dict[str, Any]
) -> None:
    kinde.keys[KEY.decode()] = good(**members)
    with pytest.raises(InvalidApiKey):
        await kinde.bind().verify(KEY)
    assert kinde.verifications == 1


@pytest.mark.parametrize("name", ["is_valid", "status", "scopes"])
async def test_answer_without_a_member_is_not_good(kinde: KindeApi, name: str) -> None:
    del kinde.keys[KEY.decode()][name]
    with pytest.raises(InvalidApiKey):
        await kinde.bind().verify(KEY)


async def test_one_request_serves_all_who_wait(kinde: KindeApi) -> None:
    keys = [f"key-{number}" for number in range(10)]
    kinde.keys = {key: good(key_id=key) for key in keys}

    async def slow(request: httpx.Request) -> httpx.Response:
        await anyio.sleep(0.01)
        return kinde.verdict(request)

    kinde.verify = slow
    bound = kinde.bind()
    seen: list[str | None] = []

    async def verify(key: str) -> None:
        seen.append((await bound.verify(key.encode())).key_id)

    async with anyio.create_task_group() as group:
        for number in range(1000):
            group.start_soon(verify, keys[number % 10])
    assert kinde.verifications == 10
    assert sorted(seen) == sorted(keys * 100)  # type: ignore[type-var]


async def test_waiter_that_is_cancelled_leaves_the_look_up_to_the_others(kinde: KindeApi) -> None:
    begun, gate = anyio.Event(), anyio.Event()

    async def held(request: httpx.Request) -> httpx.Response:
        begun.set()
        await gate.wait()
        return kinde.verdict(request)

    kinde.verify = held
    bound = kinde.bind()
    with anyio.CancelScope() as first:
        async with anyio.create_task_group() as group:
            group.start_soon(bound.verify, KEY)
            await begun.wait()
            first.cancel()
    gate.set()
    await bound.verify(KEY)
    assert kinde.verifications == 1


async def test_close_ends_a_look_up_and_leaves_the_verifier_usable(kinde: KindeApi) -> None:
    begun = anyio.Event()

    async def endless(_: httpx.Request) -> httpx.Response:
        begun.set()
        await anyio.sleep(60)
        raise AssertionError

    kinde.verify = endless
    bound = kinde.bind(unknown_per_minute=1)

    async def unavailable() -> None:
        with pytest.raises(ApiKeysUnavailable):
            await bound.verify(KEY)

    async with anyio.create_task_group() as group:
        group.start_soon(unavailable)
        await begun.wait()
        await bound.aclose()
    kinde.verify = None
    await bound.verify(KEY)


def test_verifier_serves_one_event_loop_after_another(kinde: KindeApi) -> None:
    bound = kinde.bind(max_age=0)
    for _ in range(3):
        asyncio.run(bound.verify(KEY))
    assert kinde.verifications == 3
