"""A token whose time is over, or not yet come, or written so that nobody can tell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kinde_guard import ExpiredToken, ImmatureToken, InvalidClaim, MalformedToken
from tests.attack.bypass.target import MakeGuard, Target
from tests.mint import NOW, OMIT, FrozenClock, KeyServer, Tenant, as_bytes, compact

pytestmark = pytest.mark.anyio

FAR = NOW + 10**6
#: What is no date: of another type, or outside of the years that can be shown.
NO_DATES: list[Any] = [None, True, False, "", str(FAR), f"{FAR}.0", "never", [], [FAR], {"t": FAR}]
NO_DATES += [10**18, -(10**18), 1e300, 10**400, FAR * 1000]


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", NO_DATES, ids=lambda value: repr(value)[:24])
async def test_time_that_is_no_date_is_refused(
    value: Any, claim: str, target: Target, tenant: Tenant
) -> None:
    """A time that is text, true, null, an array, or in milliseconds.

    Seen: PyJWT reads ``exp`` with ``int()``, which takes text; JavaScript compares text with
    numbers; true counts as 1.
    """
    await target.refuses(InvalidClaim, token=tenant.token("read:users", **{claim: value}))


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "number", ["1e400", "-1e400", "NaN", "Infinity", "-Infinity", "0x7fffffff"]
)
async def test_time_that_json_does_not_have_is_refused(
    number: str, claim: str, target: Target, tenant: Tenant
) -> None:
    """A time of infinity, or of NaN, with which every comparison is false.

    Seen: Python's json reads all three; RFC 8259, section 6.
    """
    claims = {**tenant.claims("read:users"), claim: "TIME"}
    payload = as_bytes(claims).replace(b'"TIME"', number.encode())
    await target.refuses(MalformedToken, token=compact(tenant.header(), payload, tenant.key))


async def test_token_that_never_expires_is_refused(target: Target, tenant: Tenant) -> None:
    """A token without ``exp``.

    Seen: openmed, issue 1407 (an assert that ``python -O`` removes); PyJWT, which asks for ``exp``
    only where it is told to.
    """
    await target.refuses(InvalidClaim, token=tenant.token("read:users", exp=OMIT))


@pytest.mark.parametrize("exp", [0, -1, -0.0, 1, NOW - 5, NOW - 5.5, NOW - 86_400])
async def test_expired_token_is_refused(exp: float, target: Target, tenant: Tenant) -> None:
    """A token from yesterday, from 1970 and from before.

    Seen: kinde-node-express, issue 88 (403 where a 401 would make clients renew the token).
    """
    await target.refuses(ExpiredToken, token=tenant.token("read:users", exp=exp))


async def test_token_expires_in_the_cache_too(
    target: Target, tenant: Tenant, clock: FrozenClock
) -> None:
    """A token that was good a second ago and is remembered.

    Seen: caches of verdicts that live for a time of their own; fast-jwt's cache, CVE-2026-35039.
    """
    token = tenant.token("read:users", exp=NOW + 10)
    for wait, lives in ((0, True), (14.999, True), (0.001, False), (86_400, False)):
        clock.advance(wait)
        if lives:
            await target.lets_in(token=token)
        else:
            await target.refuses(ExpiredToken, token=token)
    clock.now = NOW
    await target.lets_in(token=token)


@pytest.mark.parametrize("claim", ["nbf", "iat"])
async def test_token_from_the_future_is_refused(
    claim: str, target: Target, tenant: Tenant, clock: FrozenClock
) -> None:
    """A token of tomorrow, also after it was verified and the clock was set back.

    Seen: readers that check ``exp`` alone; RFC 7519, section 4.1.5.
    """
    changes: dict[str, Any] = {claim: NOW + 60}
    token = tenant.token("read:users", **changes)
    await target.refuses(ImmatureToken, token=token)
    clock.advance(60)
    await target.lets_in(token=token)
    clock.advance(-60)
    await target.refuses(ImmatureToken, token=token)


async def test_leeway_is_not_added_twice(make_guard: MakeGuard, tenant: Tenant) -> None:
    """A token that is expired by more than the tolerance, at the largest one.

    Seen: tolerances without a limit, which make a stolen token live as long as they like.
    """
    target = Target(make_guard(leeway=300))
    await target.lets_in(token=tenant.token("read:users", exp=NOW - 299))
    await target.refuses(ExpiredToken, token=tenant.token("read:users", exp=NOW - 300))


@pytest.mark.parametrize("depth", [33, 500, 5_000])
@pytest.mark.parametrize("place", ["header", "payload"])
async def test_deep_json_is_refused(depth: int, place: str, target: Target, tenant: Tenant) -> None:
    """A header or claims nested so deeply that a reader runs out of stack.

    Seen: RecursionError in Python's json, answered with 500; jackson-core, CVE-2025-52999.
    """
    deep = f'{{"a":{"[" * depth}{"]" * depth}}}'
    parts: dict[str, Any] = {"header": tenant.header(), "payload": tenant.claims("read:users")}
    parts[place] = json.dumps(parts[place])[:-1] + "," + deep[1:]
    token = compact(parts["header"], parts["payload"], tenant.key)
    await target.refuses(MalformedToken, token=token)


@pytest.mark.parametrize("segment", [0, 1, 2])
async def test_oversized_token_is_not_decoded(
    segment: int, target: Target, tenant: Tenant, key_server: KeyServer
) -> None:
    """A token with one segment of megabytes.

    Seen: Authlib, CVE-2025-61920 (segments without a limit).
    """
    parts = tenant.token("read:users").split(".")
    parts[segment] = parts[segment] * 10_000
    await target.refuses(MalformedToken, token=".".join(parts))
    assert key_server.fetches == 0
