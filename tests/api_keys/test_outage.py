"""Kinde does not answer: good keys stay good for a while, others get no verdict."""

from __future__ import annotations

import gzip
import json

import anyio
import httpx
import pytest

from kinde_guard.api_keys.verifier import KeyVerifier
from kinde_guard.vocabulary.errors import ApiKeysUnavailable, InvalidApiKey
from tests.api_keys.kinde_api import KEY, KindeApi, good
from tests.mint import FrozenClock

pytestmark = pytest.mark.anyio

HTML = httpx.Response(200, html="<html>down for maintenance</html>")

OUTAGES: list[httpx.Response | Exception] = [
    HTML,
    httpx.Response(200, json=[good()]),
    httpx.Response(200, content=b'{"is_valid": true, "is_valid": false}'),
    httpx.Response(200, content=b""),
    httpx.Response(200, content=b" " * 300_000),
    httpx.Response(200, content=b"\xff"),
    httpx.Response(201, json=good()),
    httpx.Response(302, headers={"Location": "https://elsewhere.example"}),
    httpx.Response(403, json={"errors": []}),
    httpx.Response(404, json={}),
    httpx.Response(429),
    httpx.Response(500),
    httpx.Response(503, json=good()),
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("slow"),
    OSError("network"),
]


@pytest.mark.parametrize("outage", OUTAGES, ids=repr)
async def test_outage_gives_no_verdict_and_keeps_good_keys(
    kinde: KindeApi, monotonic: FrozenClock, outage: httpx.Response | Exception
) -> None:
    bound = kinde.bind()
    identity = await bound.verify(KEY)
    kinde.verify = outage
    monotonic.advance(300)
    assert await bound.verify(KEY) is identity
    with pytest.raises(ApiKeysUnavailable) as caught:
        await bound.verify(b"unknown")
    assert (caught.value.status_code, caught.value.headers) == (503, {"Retry-After": "1"})
    assert caught.value.__context__ is None
    assert kinde.verifications == 2
    monotonic.advance(300)
    assert await bound.verify(KEY) is identity
    monotonic.advance(100)
    with pytest.raises(ApiKeysUnavailable):
        await bound.verify(KEY)


async def test_slow_answer_is_none_after_the_timeout(kinde: KindeApi) -> None:
    async def slow(_: httpx.Request) -> httpx.Response:
        await anyio.sleep(60)
        raise AssertionError

    kinde.verify = slow
    with anyio.fail_after(5), pytest.raises(ApiKeysUnavailable):
        await kinde.bind(timeout=0.01).verify(KEY)


async def test_retries_are_spaced_by_1_2_4_to_60_seconds(
    kinde: KindeApi, monotonic: FrozenClock
) -> None:
    kinde.verify = httpx.Response(500)
    bound = kinde.bind()
    for failures, pause in enumerate([1, 2, 4, 8, 16, 32, 60, 60], start=1):
        with pytest.raises(ApiKeysUnavailable):
            await bound.verify(KEY)
        assert kinde.verifications == failures
        monotonic.advance(pause * 0.79)
        with pytest.raises(ApiKeysUnavailable):
            await bound.verify(KEY)
        assert kinde.verifications == failures
        monotonic.advance(pause * 0.21)
    kinde.verify = None
    await bound.verify(KEY)


async def test_look_ups_that_fail_together_are_one_failure(kinde: KindeApi) -> None:
    kinde.verify = httpx.Response(500)
    bound = kinde.bind()
    waits: list[int] = []

    async def verify(number: int) -> None:
        with pytest.raises(ApiKeysUnavailable) as caught:
            await bound.verify(b"key-%d" % number)
        waits.append(caught.value.retry_after)

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(verify, number)
    assert waits == [1] * 20


async def test_one_look_up_at_a_time_tries_the_end_of_an_outage(
    kinde: KindeApi, monotonic: FrozenClock
) -> None:
    kinde.verify = httpx.Response(500)
    bound = kinde.bind()
    with pytest.raises(ApiKeysUnavailable):
        await bound.verify(KEY)
    monotonic.advance(1)
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(unavailable, bound, b"key-%d" % number)
    assert kinde.verifications == 2


async def unavailable(bound: KeyVerifier, key: bytes) -> None:
    with pytest.raises(ApiKeysUnavailable):
        await bound.verify(key)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit-Reset": "7"}, 7),
        ({"Retry-After": "9"}, 9),
        ({"RateLimit-Reset": "7", "Retry-After": "9"}, 9),
        ({"RateLimit-Reset": "1700000000"}, 1),
        ({"RateLimit-Reset": "170000000"}, 300),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1),
        ({"RateLimit-Reset": "-3"}, 1),
        ({"RateLimit-Reset": "nan"}, 1),
    ],
)
async def test_rate_limit_is_honoured_within_bounds(
    kinde: KindeApi, monotonic: FrozenClock, headers: dict[str, str], seconds: int
) -> None:
    kinde.verify = httpx.Response(429, headers=headers)
    bound = kinde.bind()
    with pytest.raises(ApiKeysUnavailable) as caught:
        await bound.verify(KEY)
    assert caught.value.retry_after == seconds
    monotonic.advance(seconds - 0.5)
    with pytest.raises(ApiKeysUnavailable):
        await bound.verify(KEY)
    assert kinde.verifications == 1


@pytest.mark.parametrize("status", [400, 401])
async def test_400_and_401_mean_not_good(kinde: KindeApi, status: int) -> None:
    kinde.verify = httpx.Response(status, json={"errors": []})
    for bound in (kinde.bind(), kinde.bind_to_api()):
        with pytest.raises(InvalidApiKey):
            await bound.verify(KEY)


async def test_401_about_keys_asks_for_the_own_token_once_a_minute(kinde: KindeApi) -> None:
    kinde.verify = httpx.Response(401)
    bound = kinde.bind_to_api()
    for number in range(10):
        with pytest.raises(InvalidApiKey):
            await bound.verify(b"key-%d" % number)
    assert kinde.asked == {"verify": 10, "apis": 1, "token": 1}


async def test_own_token_that_is_refused_is_replaced_and_the_key_asked_for_again(
    kinde: KindeApi,
) -> None:
    kinde.accepts_token = lambda token: token != "token-1"
    kinde.verify = lambda request: (
        httpx.Response(401)
        if request.headers["Authorization"] == "Bearer token-1"
        else kinde.verdict(request)
    )
    await kinde.bind_to_api().verify(KEY)
    assert kinde.asked["token"] == 2


async def test_own_token_that_is_always_refused_is_an_outage(
    kinde: KindeApi, monotonic: FrozenClock
) -> None:
    kinde.accepts_token = lambda token: False
    kinde.verify = httpx.Response(401)
    bound = kinde.bind_to_api()
    for _ in range(3):
        with pytest.raises(ApiKeysUnavailable):
            await bound.verify(KEY)
        monotonic.advance(5)
    assert kinde.asked["token"] == 2


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_own_token_that_cannot_be_had_is_an_outage(
    kinde: KindeApi, monotonic: FrozenClock, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    bound = kinde.bind_to_api()
    kinde.token = httpx.Response(status, json={"error": "invalid_client"})
    with pytest.raises(ApiKeysUnavailable):
        await bound.verify(KEY)
    assert kinde.verifications == 0
    assert "s3cret" not in caplog.text
    assert KEY.decode() not in caplog.text


async def test_nothing_of_a_key_is_logged_or_shown(
    kinde: KindeApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1)
    bound = kinde.bind_to_api()
    identity = await bound.verify(KEY)
    kinde.verify = httpx.ConnectError(f"failed for {KEY.decode()}")
    with pytest.raises(ApiKeysUnavailable) as caught:
        await bound.verify(KEY + b"2")
    told = caplog.text + repr(identity) + repr(bound) + repr(caught.value) + repr(vars(bound))
    assert KEY.decode() not in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_probe_of_the_own_token_that_is_not_answered_decides_nothing(kinde: KindeApi) -> None:
    kinde.verify = httpx.Response(401)
    kinde.apis_answer = httpx.Response(429, headers={"RateLimit-Reset": "20"})
    with pytest.raises(ApiKeysUnavailable) as caught:
        await kinde.bind_to_api().verify(KEY)
    assert caught.value.retry_after == 20


async def test_401_without_a_token_of_our_own_is_a_warning_once(
    kinde: KindeApi, caplog: pytest.LogCaptureFixture
) -> None:
    kinde.verify = httpx.Response(401)
    bound = kinde.bind()
    caplog.clear()
    for key in (KEY, KEY + b"2"):
        with pytest.raises(InvalidApiKey):
            await bound.verify(key)
    (record,) = caplog.records
    assert "give ApiKeys credentials" in record.getMessage()


async def test_compressed_answer_is_none(kinde: KindeApi) -> None:
    body = gzip.compress(json.dumps(good()).encode())
    kinde.verify = lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=body)
    with pytest.raises(ApiKeysUnavailable):
        await kinde.bind().verify(KEY)


async def test_token_that_is_refused_right_after_it_was_replaced_is_an_outage(
    kinde: KindeApi, monotonic: FrozenClock
) -> None:
    bound = kinde.bind_to_api(max_age=0)
    await bound.verify(KEY)
    kinde.accepts_token = lambda token: False
    kinde.verify = httpx.Response(401)
    monotonic.advance(60)
    await bound.verify(KEY)
    assert kinde.asked["token"] == 2
    kinde.accepts_token = lambda token: True
    kinde.verify = None
    monotonic.advance(5)
    await bound.verify(KEY)
    assert kinde.asked["token"] == 2
