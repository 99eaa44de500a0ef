"""Made-up keys cost Kinde a bounded number of requests, and good keys nothing."""

from __future__ import annotations

import anyio
import httpx
import pytest

from kinde_guard.vocabulary.errors import InvalidApiKey, TooManyUnknownKeys
from tests.api_keys.kinde_api import KEY, KindeApi, good
from tests.mint import FrozenClock

pytestmark = pytest.mark.anyio


async def test_made_up_keys_are_refused_unasked_over_the_limit(
    kinde: KindeApi, monotonic: FrozenClock
) -> None:
    bound = kinde.bind(unknown_per_minute=3)
    await bound.verify(KEY)
    for number in range(3):
        with pytest.raises(InvalidApiKey):
            await bound.verify(b"made-up-%d" % number)
        monotonic.advance(10)
    with pytest.raises(TooManyUnknownKeys) as caught:
        await bound.verify(b"made-up-3")
    assert (caught.value.status_code, caught.value.headers) == (429, {"Retry-After": "30"})
    assert kinde.verifications == 4
    with pytest.raises(InvalidApiKey):
        await bound.verify(b"made-up-0")
    monotonic.advance(30)
    with pytest.raises(InvalidApiKey):
        await bound.verify(b"made-up-3")
    with pytest.raises(TooManyUnknownKeys):
        await bound.verify(b"made-up-4")


async def test_key_that_was_good_is_asked_for_in_a_flood(
    kinde: KindeApi, monotonic: FrozenClock
) -> None:
    bound = kinde.bind(unknown_per_minute=1)
    await bound.verify(KEY)
    monotonic.advance(10_000)
    with pytest.raises(InvalidApiKey):
        await bound.verify(b"made-up")
    with pytest.raises(TooManyUnknownKeys):
        await bound.verify(b"made-up-2")
    await bound.verify(KEY)


async def test_good_keys_spend_nothing(kinde: KindeApi) -> None:
    bound = kinde.bind(unknown_per_minute=1)
    for number in range(50):
        kinde.keys[f"key-{number}"] = good()
        await bound.verify(b"key-%d" % number)


async def test_outage_spends_nothing(kinde: KindeApi, monotonic: FrozenClock) -> None:
    bound = kinde.bind(unknown_per_minute=1)
    kinde.verify = httpx.Response(500)
    for number in range(3):
        with pytest.raises(Exception, match="at the moment"):
            await bound.verify(b"key-%d" % number)
        monotonic.advance(5)
    kinde.verify = None
    await bound.verify(KEY)


async def test_look_ups_under_way_reserve_the_budget(kinde: KindeApi) -> None:
    async def slow(request: httpx.Request) -> httpx.Response:
        await anyio.sleep(0.01)
        return kinde.verdict(request)

    kinde.verify = slow
    bound = kinde.bind(unknown_per_minute=60)
    answers: list[type[Exception]] = []

    async def verify(number: int) -> None:
        try:
            await bound.verify(b"made-up-%d" % number)
        except (InvalidApiKey, TooManyUnknownKeys) as error:
            answers.append(type(error))

    async with anyio.create_task_group() as group:
        for number in range(1000):
            group.start_soon(verify, number)
    assert kinde.verifications == 60
    assert (answers.count(InvalidApiKey), answers.count(TooManyUnknownKeys)) == (60, 940)


async def test_look_up_that_was_cancelled_gives_its_part_back(kinde: KindeApi) -> None:
    begun = anyio.Event()

    async def endless(_: httpx.Request) -> httpx.Response:
        begun.set()
        await anyio.sleep(60)
        raise AssertionError

    kinde.verify = endless
    bound = kinde.bind(unknown_per_minute=1)

    async def verify() -> None:
        with pytest.raises(Exception, match="at the moment"):
            await bound.verify(KEY)

    async with anyio.create_task_group() as group:
        group.start_soon(verify)
        await begun.wait()
        with pytest.raises(TooManyUnknownKeys) as caught:
            await bound.verify(b"another")
        assert caught.value.retry_after == 1
        await bound.aclose()
    kinde.verify = None
    await bound.verify(KEY)
