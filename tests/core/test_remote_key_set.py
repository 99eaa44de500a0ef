"""Contract section 6: one fetch for all, keys in hand at once, outages cheap, and no restart."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import httpx
import pytest

from kinde_guard import KeysUnavailable, KindeGuard, RemoteKeySet, UnknownKey
from tests.core.conftest import MakeGuard, MakeKeys
from tests.core.exchange import eventually, settle
from tests.mint import (
    JWKS_URL,
    KID,
    OTHER_KID,
    Answerer,
    FrozenClock,
    KeyServer,
    SigningKey,
    Tenant,
    dripping,
    jwks,
)

pytestmark = pytest.mark.anyio


async def outcome(keys: RemoteKeySet, kid: str) -> str:
    """Return ``found``, or the reason of the refusal."""
    try:
        await keys.find(kid)
    except (UnknownKey, KeysUnavailable) as refusal:
        return refusal.reason
    return "found"


# --- one fetch for all ---------------------------------------------------------------------------


async def test_nothing_is_fetched_at_construction(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys = make_keys()
    await settle()
    assert key_server.fetches == 0
    assert keys.current_or_none is None
    assert keys.is_usable is False
    assert keys.age is None


async def test_first_find_fetches_once_and_the_next_not_at_all(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys = make_keys()
    found = await keys.find(KID)
    assert len(found) == 1
    assert await keys.find(KID) == found
    assert key_server.fetches == 1
    assert keys.is_usable is True
    assert keys.age == 0


async def test_300_cold_finds_at_once_cause_one_fetch(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys = make_keys()
    key_server.hold()
    finds = [asyncio.ensure_future(keys.find(KID)) for _ in range(300)]
    await settle()
    key_server.release()
    found = await asyncio.gather(*finds)

    assert len(set(found)) == 1
    assert key_server.fetches == 1


async def test_300_cold_requests_at_once_cause_one_fetch(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    raw = [tenant.token("a", n=n % 10) for n in range(300)]
    key_server.hold()
    requests = [asyncio.ensure_future(guard.verify(token)) for token in raw]
    await settle()
    key_server.release()

    assert all(token.scopes == {"a"} for token in await asyncio.gather(*requests))
    assert key_server.fetches == 1


async def test_all_who_wait_for_a_failing_fetch_hear_of_it_and_only_one_was_made(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    told: list[bool] = []
    keys = make_keys(on_fetch=told.append)
    key_server.fail(500)
    key_server.hold()
    finds = [asyncio.ensure_future(outcome(keys, KID)) for _ in range(50)]
    await settle()
    key_server.release()

    assert set(await asyncio.gather(*finds)) == {"keys_unavailable"}
    assert (key_server.fetches, told) == (1, [False])


async def test_refresh_and_find_at_once_share_one_fetch(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys = make_keys()
    await asyncio.gather(keys.refresh(), keys.find(KID), keys.refresh())
    assert key_server.fetches == 1


@pytest.mark.parametrize("cancelled", [0, 5, 9])
async def test_cancelled_waiter_does_not_cancel_the_fetch(
    cancelled: int, make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys = make_keys()
    key_server.hold()
    finds = [asyncio.ensure_future(keys.find(KID)) for _ in range(10)]
    await settle()
    finds[cancelled].cancel()
    await settle()
    key_server.release()
    results = await asyncio.gather(*finds, return_exceptions=True)

    assert isinstance(results[cancelled], asyncio.CancelledError)
    others = results[:cancelled] + results[cancelled + 1 :]
    assert all(isinstance(result, tuple) and len(result) == 1 for result in others)
    assert key_server.fetches == 1


async def test_fetch_whose_waiters_are_all_cancelled_still_brings_the_keys(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys = make_keys()
    key_server.hold()
    finds = [asyncio.ensure_future(keys.find(KID)) for _ in range(3)]
    await settle()
    for find in finds:
        find.cancel()
    await asyncio.gather(*finds, return_exceptions=True)
    key_server.release()
    await eventually(lambda: keys.is_usable)

    assert await outcome(keys, KID) == "found"
    assert key_server.fetches == 1


# --- unknown key ids -----------------------------------------------------------------------------


async def test_unknown_kid_inside_the_cooldown_is_answered_without_a_fetch(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    await keys.find(KID)
    for seconds in (0, 10, 19.9):
        monotonic.advance(seconds)
        assert await outcome(keys, OTHER_KID) == "unknown_key"
    assert key_server.fetches == 1


async def test_unknown_kid_on_a_cold_set_costs_the_one_cold_fetch(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys = make_keys()
    assert await outcome(keys, OTHER_KID) == "unknown_key"
    assert await outcome(keys, OTHER_KID) == "unknown_key"
    assert key_server.fetches == 1


async def test_unknown_kid_after_the_cooldown_causes_exactly_one_fetch(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    await keys.find(KID)
    monotonic.advance(30)
    outcomes = await asyncio.gather(*(outcome(keys, f"unknown-{n}") for n in range(200)))

    assert set(outcomes) == {"unknown_key"}
    assert key_server.fetches == 2
    assert await outcome(keys, "another") == "unknown_key"
    assert key_server.fetches == 2


async def test_kid_that_appeared_since_is_found_after_the_cooldown(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock, other_key: SigningKey
) -> None:
    keys = make_keys()
    await keys.find(KID)
    key_server.publish(other_key)
    monotonic.advance(30)

    assert await outcome(keys, OTHER_KID) == "found"
    assert await outcome(keys, KID) == "unknown_key"
    assert key_server.fetches == 2


async def test_cooldown_of_zero_lets_every_unknown_kid_fetch(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys = make_keys(cooldown=0)
    await keys.find(KID)
    for _ in range(3):
        assert await outcome(keys, OTHER_KID) == "unknown_key"
    assert key_server.fetches == 4


async def test_known_kid_never_waits_for_the_fetch_of_an_unknown_one(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    await keys.find(KID)
    monotonic.advance(30)
    key_server.hold()
    waiting = asyncio.ensure_future(outcome(keys, OTHER_KID))
    await settle()
    assert key_server.fetches == 2

    assert await asyncio.wait_for(outcome(keys, KID), 0.05) == "found"
    assert not waiting.done()
    key_server.release()
    assert await waiting == "unknown_key"


async def test_200_unknown_kids_in_a_slow_refresh_cost_one_fetch_and_no_good_request_50_ms(
    guard: KindeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
    other_key: SigningKey,
) -> None:
    good = [tenant.token("a", n=n) for n in range(20)]
    bad = [tenant.token(key=other_key.renamed(f"unknown-{n}")) for n in range(200)]
    await guard.verify(good[0])
    monotonic.advance(700)
    key_server.hold()
    floods = [asyncio.ensure_future(guard.verify(token)) for token in bad]
    await settle()
    slowest = 0.0
    for token in good:
        start = time.perf_counter()
        assert (await guard.verify(token)).scopes == {"a"}
        slowest = max(slowest, time.perf_counter() - start)
    key_server.release()
    refusals = await asyncio.gather(*floods, return_exceptions=True)

    assert {type(refusal) for refusal in refusals} == {UnknownKey}
    assert key_server.fetches == 2
    assert slowest < 0.05


async def test_unknown_kid_while_refreshing_fails_gives_keys_unavailable(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    await keys.find(KID)
    key_server.fail(500)
    monotonic.advance(30)

    assert await outcome(keys, OTHER_KID) == "keys_unavailable"
    assert await outcome(keys, OTHER_KID) == "keys_unavailable"
    assert await outcome(keys, KID) == "found"
    assert key_server.fetches == 2


async def test_unknown_kid_right_after_a_failed_refresh_gives_keys_unavailable(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    # Inside of what would be the cooldown, were the last try not a failure.
    keys = make_keys(max_age=10, cooldown=30)
    await keys.find(KID)
    key_server.fail(500)
    monotonic.advance(11)
    await keys.find(KID)
    await settle()
    assert key_server.fetches == 2

    assert await outcome(keys, OTHER_KID) == "keys_unavailable"
    assert await outcome(keys, KID) == "found"
    key_server.recover()
    monotonic.advance(1)
    assert await outcome(keys, OTHER_KID) == "unknown_key"
    assert key_server.fetches == 3


async def test_unknown_kids_in_an_outage_stay_within_the_back_off(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys(cooldown=0)
    await keys.find(KID)
    key_server.fail(500)
    for _ in range(300):
        assert await outcome(keys, OTHER_KID) == "keys_unavailable"
        monotonic.advance(0.01)
    assert key_server.fetches <= 1 + 4


# --- ages ----------------------------------------------------------------------------------------


async def test_keys_within_their_age_are_not_refreshed(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    await keys.find(KID)
    monotonic.advance(599)
    await keys.find(KID)
    await settle()
    assert (key_server.fetches, keys.age) == (1, 599)


async def test_keys_past_their_age_are_used_at_once_and_refreshed_behind(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    await keys.find(KID)
    monotonic.advance(601)
    key_server.hold()
    for _ in range(20):
        assert await asyncio.wait_for(outcome(keys, KID), 0.05) == "found"
    await settle()
    assert key_server.fetches == 2
    assert keys.age == 601

    key_server.release()
    await eventually(lambda: keys.age == 0)
    await keys.find(KID)
    assert key_server.fetches == 2


async def test_keys_in_hand_start_a_refresh_when_one_is_due(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    await keys.refresh()
    monotonic.advance(601)
    in_hand = keys.current_or_none
    assert in_hand is not None
    assert len(in_hand.find(KID)) == 1
    await eventually(lambda: key_server.fetches == 2 and keys.age == 0)


async def test_held_keys_are_found_without_waiting_and_start_a_due_refresh(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    assert keys.find_cached(KID) == ()
    await settle()
    assert key_server.fetches == 0

    found = await keys.find(KID)
    assert keys.find_cached(KID) == found
    assert keys.find_cached("another") == ()
    monotonic.advance(601)
    assert keys.find_cached(None) == ()
    await settle()
    assert key_server.fetches == 1
    assert keys.find_cached(KID) == found
    await eventually(lambda: key_server.fetches == 2 and keys.age == 0)


async def test_failing_refresh_keeps_the_old_keys(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    await keys.find(KID)
    key_server.fail(500)
    monotonic.advance(601)
    for _ in range(5):
        assert await outcome(keys, KID) == "found"
        await settle()
    assert (key_server.fetches, keys.age) == (2, 601)
    assert keys.is_usable


async def test_stale_keys_serve_up_to_their_limit_and_not_beyond(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys(max_age=600, stale_for=1000)
    await keys.find(KID)
    key_server.fail(500)
    monotonic.advance(1599)
    assert await outcome(keys, KID) == "found"
    assert keys.is_usable
    await settle()

    monotonic.advance(2)
    assert not keys.is_usable
    assert keys.current_or_none is None
    assert await outcome(keys, KID) == "keys_unavailable"


async def test_stale_for_of_zero_serves_no_stale_key(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys(stale_for=0)
    await keys.find(KID)
    key_server.fail(500)
    monotonic.advance(601)
    assert await outcome(keys, KID) == "keys_unavailable"


async def test_keys_beyond_their_limit_are_waited_for_and_then_good_again(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys(max_age=600, stale_for=1000)
    await keys.find(KID)
    monotonic.advance(10_000)
    found = await asyncio.gather(*(outcome(keys, KID) for _ in range(20)))
    assert set(found) == {"found"}
    assert (key_server.fetches, keys.age) == (2, 0)


async def test_default_stale_limit_is_a_day_past_ten_minutes(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    raw = tenant.token("a")
    await guard.verify(raw)
    key_server.fail(500)
    monotonic.advance(86_400 + 599)
    await guard.verify(raw)
    await settle()
    monotonic.advance(2)
    with pytest.raises(KeysUnavailable):
        await guard.verify(raw)


# --- outages -------------------------------------------------------------------------------------


async def test_three_seconds_of_traffic_in_an_outage_cost_at_most_four_fetches(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    key_server.fail(500)
    tokens = [tenant.token("a", n=n) for n in range(5)]
    for _ in range(300):
        for token in tokens:
            with pytest.raises(KeysUnavailable):
                await guard.verify(token)
        monotonic.advance(0.01)
    assert 2 <= key_server.fetches <= 4


async def test_three_real_seconds_of_traffic_in_an_outage_cost_at_most_four_fetches(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    key_server.fail(httpx.ConnectError("refused"))
    guard = make_guard(monotonic=time.monotonic)
    token = tenant.token("a")
    end = time.monotonic() + 3
    while time.monotonic() < end:
        with pytest.raises(KeysUnavailable):
            await guard.verify(token)
        await asyncio.sleep(0.01)
    assert 2 <= key_server.fetches <= 4


async def test_first_retry_comes_after_exactly_one_second(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    key_server.fail(500)
    await outcome(keys, KID)
    monotonic.advance(0.99)
    assert await outcome(keys, KID) == "keys_unavailable"
    assert key_server.fetches == 1
    monotonic.advance(0.01)
    assert await outcome(keys, KID) == "keys_unavailable"
    assert key_server.fetches == 2


async def test_retries_wait_twice_as_long_each_time_with_jitter_up_to_a_minute(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    key_server.fail(500)
    moments: list[float] = []
    start = monotonic.now
    while monotonic.now < start + 400:
        before = key_server.fetches
        await outcome(keys, KID)
        moments += [monotonic.now] * (key_server.fetches - before)
        monotonic.advance(0.05)
    waits = [after - before for before, after in pairwise(moments)]

    wanted = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    for wait, full in zip(waits[1:], wanted[1:], strict=False):
        assert 0.8 * full - 0.01 <= wait <= full + 0.1
    assert waits[0] == pytest.approx(1, abs=0.06)
    assert len(waits) >= 9


async def test_jitter_differs_between_processes(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    key_server.fail(500)
    ways: set[float] = set()
    for _ in range(8):
        keys = make_keys()
        await outcome(keys, KID)
        monotonic.advance(1)
        await outcome(keys, KID)
        start, fetches = monotonic.now, key_server.fetches
        while key_server.fetches == fetches:
            monotonic.advance(0.01)
            await outcome(keys, KID)
        ways.add(round(monotonic.now - start, 2))
    assert len(ways) > 1


async def test_retry_after_counts_down_to_the_next_try(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    key_server.fail(500)
    for seconds in (1, 2, 4, 8):
        await outcome(keys, KID)
        monotonic.advance(seconds)
    with pytest.raises(KeysUnavailable) as refusal:
        await keys.find(KID)
    assert 13 <= refusal.value.retry_after <= 16
    monotonic.advance(10)
    with pytest.raises(KeysUnavailable) as refusal:
        await keys.find(KID)
    assert 3 <= refusal.value.retry_after <= 6


async def test_success_ends_the_outage_and_resets_the_back_off(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    key_server.fail(500)
    for _ in range(6):
        await outcome(keys, KID)
        monotonic.advance(60)
    key_server.recover()
    assert await outcome(keys, KID) == "found"

    key_server.fail(500)
    monotonic.advance(601)
    await keys.find(KID)
    await settle()
    fetches = key_server.fetches
    monotonic.advance(1)
    await keys.find(KID)
    await settle()
    assert key_server.fetches == fetches + 1


async def test_outage_is_over_within_a_minute_of_recovery_without_a_restart(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    key_server.fail(httpx.ConnectError("refused"))
    token = tenant.token("a")
    for _ in range(600):
        with pytest.raises(KeysUnavailable):
            await guard.verify(token)
        monotonic.advance(1)
    key_server.recover()
    monotonic.advance(60)
    assert (await guard.verify(token)).scopes == {"a"}


async def test_readiness_probe_alone_ends_an_outage(
    guard: KindeGuard, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    key_server.fail(500)
    with pytest.raises(KeysUnavailable):
        await guard.warm()
    assert guard.ready is False
    key_server.recover()
    monotonic.advance(60)
    assert guard.ready is False
    await settle()
    assert guard.ready is True


async def test_readiness_probes_in_an_outage_stay_within_the_back_off(
    guard: KindeGuard, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    key_server.fail(500)
    for _ in range(300):
        assert guard.ready is False
        await settle()
        monotonic.advance(0.01)
    assert 1 <= key_server.fetches <= 4


async def test_ready_while_stale_keys_still_serve(
    guard: KindeGuard, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    await guard.warm()
    key_server.fail(500)
    monotonic.advance(700)
    assert guard.ready is True
    await settle()
    monotonic.advance(100_000)
    assert guard.ready is False
    await settle()


async def test_refresh_that_fails_raises_and_keeps_the_keys(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys = make_keys()
    await keys.refresh()
    key_server.fail(500)
    with pytest.raises(KeysUnavailable):
        await keys.refresh()
    assert await outcome(keys, KID) == "found"


# --- answers that are no key set -----------------------------------------------------------------


async def _slow_headers(request: httpx.Request) -> httpx.Response:
    await asyncio.sleep(3600)
    return httpx.Response(200)


async def _slow_body(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=dripping(3600, pause=0.02))


async def _endless_body(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=dripping(1_000_000, size=4096))


def _answer(status: int = 200, **content: object) -> Answerer:
    async def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, **content)  # type: ignore[arg-type]

    return answer


def _with_good_keys(key: SigningKey, status: int, **headers: str) -> Answerer:
    return _answer(status, json=jwks(key), headers=headers)


BadAnswer = Callable[[SigningKey], Answerer | Exception]

BAD_ANSWERS: dict[str, BadAnswer] = {
    "connection-refused": lambda key: httpx.ConnectError("refused"),
    "name-not-found": lambda key: httpx.ConnectError("no such name"),
    "read-timeout": lambda key: httpx.ReadTimeout("slow"),
    "connection-cut": lambda key: httpx.RemoteProtocolError("cut off"),
    "read-error": lambda key: httpx.ReadError("reset"),
    "broken-encoding": lambda key: httpx.DecodingError("broken"),
    "slow-headers": lambda key: _slow_headers,
    "slow-body": lambda key: _slow_body,
    "status-500": lambda key: _with_good_keys(key, 500),
    "status-503": lambda key: _with_good_keys(key, 503),
    "status-404": lambda key: _with_good_keys(key, 404),
    "status-429": lambda key: _with_good_keys(key, 429),
    "status-401": lambda key: _with_good_keys(key, 401),
    "status-201": lambda key: _with_good_keys(key, 201),
    "status-203": lambda key: _with_good_keys(key, 203),
    "status-204": lambda key: _answer(204),
    "status-206": lambda key: _with_good_keys(key, 206),
    "status-304": lambda key: _answer(304),
    "redirect-301": lambda key: _with_good_keys(key, 301, location=JWKS_URL + "2"),
    "redirect-302": lambda key: _with_good_keys(key, 302, location=JWKS_URL + "2"),
    "redirect-307": lambda key: _with_good_keys(key, 307, location="https://evil.example/"),
    "empty-body": lambda key: _answer(content=b""),
    "html": lambda key: _answer(content=b"<html>maintenance</html>"),
    "cut-off-json": lambda key: _answer(content=json.dumps(jwks(key)).encode()[:-1]),
    "trailing-garbage": lambda key: _answer(content=json.dumps(jwks(key)).encode() + b"x"),
    "invalid-utf8": lambda key: _answer(
        content=json.dumps(jwks(key)).encode().replace(b'"RSA"', b'"RSA", "x": "\xff"')
    ),
    "json-null": lambda key: _answer(content=b"null"),
    "json-array": lambda key: _answer(json=jwks(key)["keys"]),
    "json-number": lambda key: _answer(content=b"1"),
    "one-bare-jwk": lambda key: _answer(json=key.jwk()),
    "keys-missing": lambda key: _answer(json={"issuer": "x"}),
    "keys-empty": lambda key: _answer(json={"keys": []}),
    "keys-an-object": lambda key: _answer(json={"keys": {"a": key.jwk()}}),
    "keys-null": lambda key: _answer(json={"keys": None}),
    "keys-of-text": lambda key: _answer(json={"keys": ["a", "b"]}),
    "no-usable-key": lambda key: _answer(json={"keys": [key.jwk(use="enc")]}),
    "nested-absurdly-deep": lambda key: _answer(content=b'{"keys":' + b"[" * 100_000),
    "integer-of-5000-digits": lambda key: _answer(content=b'{"keys":[' + b"9" * 5000 + b"]}"),
    "oversized": lambda key: _answer(json={**jwks(key), "pad": "x" * 262_144}),
    "oversized-once-unzipped": lambda key: _answer(
        content=gzip.compress(json.dumps({**jwks(key), "pad": "x" * 400_000}).encode()),
        headers={"content-encoding": "gzip"},
    ),
    "endless": lambda key: _endless_body,
}
EVERY_BAD_ANSWER = pytest.mark.parametrize("bad", BAD_ANSWERS.values(), ids=BAD_ANSWERS)


@EVERY_BAD_ANSWER
async def test_bad_answer_on_a_cold_set_gives_keys_unavailable(
    bad: BadAnswer, key: SigningKey, make_keys: MakeKeys, key_server: KeyServer
) -> None:
    told: list[bool] = []
    keys = make_keys(timeout=0.08, on_fetch=told.append)
    key_server.fail(bad(key))
    assert await asyncio.wait_for(outcome(keys, KID), 5) == "keys_unavailable"
    assert (told, key_server.fetches) == ([False], 1)
    assert not keys.is_usable


@EVERY_BAD_ANSWER
async def test_bad_answer_on_a_warm_set_keeps_the_old_keys(
    bad: BadAnswer,
    key: SigningKey,
    other_key: SigningKey,
    make_keys: MakeKeys,
    key_server: KeyServer,
) -> None:
    told: list[bool] = []
    keys = make_keys(timeout=0.08, on_fetch=told.append)
    await keys.refresh()
    key_server.fail(bad(other_key))
    with pytest.raises(KeysUnavailable):
        await asyncio.wait_for(keys.refresh(), 5)
    assert await outcome(keys, KID) == "found"
    assert (told, key_server.fetches) == ([True, False], 2)


@EVERY_BAD_ANSWER
async def test_keys_are_good_again_after_a_bad_answer(
    bad: BadAnswer,
    key: SigningKey,
    make_keys: MakeKeys,
    key_server: KeyServer,
    monotonic: FrozenClock,
) -> None:
    keys = make_keys(timeout=0.08)
    key_server.fail(bad(key))
    await outcome(keys, KID)
    key_server.recover()
    monotonic.advance(1)
    assert await outcome(keys, KID) == "found"


async def test_redirect_is_not_followed_even_by_a_client_that_would(
    make_keys: MakeKeys, key_server: KeyServer, key: SigningKey
) -> None:
    elsewhere = "https://evil.example/jwks"
    key_server.publish(key, url=elsewhere)
    key_server.fail(httpx.Response(302, headers={"location": elsewhere}))
    keys = make_keys(http_client=key_server.client(follow_redirects=True))
    assert await outcome(keys, KID) == "keys_unavailable"
    assert [str(request.url) for request in key_server.requests] == [JWKS_URL]


async def test_timeout_covers_the_whole_fetch_to_the_last_byte(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys = make_keys(timeout=0.2)
    key_server.fail(_slow_body)
    start = time.monotonic()
    assert await outcome(keys, KID) == "keys_unavailable"
    assert 0.15 < time.monotonic() - start < 1.5


async def test_endless_body_is_read_no_further_than_the_limit(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    read = 0

    async def endless(request: httpx.Request) -> httpx.Response:
        async def body() -> object:
            nonlocal read
            while True:
                read += 1000
                yield b" " * 1000

        return httpx.Response(200, content=body())  # type: ignore[arg-type]

    keys = make_keys(max_bytes=10_000)
    key_server.fail(endless)
    assert await outcome(keys, KID) == "keys_unavailable"
    assert read <= 12_000


async def test_small_body_that_unzips_to_a_huge_one_is_never_held_in_memory(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    bomb = gzip.compress(b" " * 64_000_000, 1)
    assert len(bomb) < 300_000

    async def answer(request: httpx.Request) -> httpx.Response:
        # As a stream, so that the body is not decoded before it is asked for.
        return httpx.Response(200, headers={"content-encoding": "gzip"}, content=_once(bomb))

    key_server.fail(answer)
    keys = make_keys()
    tracemalloc.start()
    try:
        assert await outcome(keys, KID) == "keys_unavailable"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def test_body_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(
    make_keys: MakeKeys, key_server: KeyServer, key: SigningKey
) -> None:
    body = json.dumps(jwks(key)).encode()
    key_server.fail(httpx.Response(200, content=body))
    assert await outcome(make_keys(max_bytes=len(body)), KID) == "found"
    assert await outcome(make_keys(max_bytes=len(body) - 1), KID) == "keys_unavailable"


async def test_odd_member_in_a_fetched_set_does_not_harm_the_good_ones(
    make_keys: MakeKeys,
    key_server: KeyServer,
    key: SigningKey,
    other_key: SigningKey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    key_server.publish(other_key.jwk(use="enc"), key)
    keys = make_keys()
    assert await outcome(keys, KID) == "found"
    assert await outcome(keys, OTHER_KID) == "unknown_key"
    assert len([record for record in caplog.records if record.name == "kinde_guard.keys"]) == 1


# --- lifecycle -----------------------------------------------------------------------------------


async def test_aclose_in_the_middle_of_a_fetch_leaves_no_task(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    before = asyncio.all_tasks()
    keys = make_keys()
    await keys.refresh()
    monotonic.advance(601)
    key_server.hold()
    await keys.find(KID)
    await settle()
    await keys.aclose()
    await settle()
    assert asyncio.all_tasks() == before


async def test_aclose_twice_is_fine(make_keys: MakeKeys) -> None:
    keys = make_keys()
    await keys.refresh()
    await keys.aclose()
    await keys.aclose()


async def test_client_of_the_caller_is_left_open(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    client = key_server.client()
    keys = make_keys(http_client=client)
    await keys.refresh()
    await keys.aclose()
    assert not client.is_closed
    await client.aclose()


async def test_aclose_while_requests_wait_lets_them_go_with_keys_unavailable(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    keys = make_keys()
    key_server.hold()
    waiting = [asyncio.ensure_future(outcome(keys, KID)) for _ in range(3)]
    await settle()
    await keys.aclose()
    assert set(await asyncio.wait_for(asyncio.gather(*waiting), 1)) == {"keys_unavailable"}
    key_server.release()
    assert await outcome(keys, KID) == "found"


def test_due_keys_outside_of_a_loop_are_used_at_once_and_refreshed_behind(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    asyncio.run(keys.refresh())
    monotonic.advance(601)
    assert keys.current_or_none is not None
    assert keys.is_usable
    for thread in threading.enumerate():
        if thread.name == "kinde-guard refresh":
            thread.join(10)
    assert (keys.age, key_server.fetches) == (0, 2)
