"""A verdict that is remembered, asked for by somebody whom it does not concern."""

from __future__ import annotations

import pytest

from kinde_guard import (
    InvalidSignature,
    KeysUnavailable,
    MalformedToken,
    UnknownKey,
    WrongAudience,
    WrongIssuer,
)
from tests.attack.bypass.target import MakeGuard, Target
from tests.core.exchange import call, settle
from tests.mint import KID, FrozenClock, KeyServer, SigningKey, Tenant

pytestmark = pytest.mark.anyio


async def test_verdict_of_one_guard_is_not_that_of_another(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    """A token that one guard remembers, at a guard of another audience, issuer or algorithm.

    Seen: caches shared by all instances of a class (a published FastAPI guard's).
    """
    token = tenant.token("read:users")
    own = Target(make_guard())
    for _ in range(2):
        await own.lets_in(token=token)
    assert own.guard.stats.cache_hits == 1
    await Target(make_guard(audience="https://bills.example")).refuses(WrongAudience, token=token)
    other = make_guard("other.kinde.com", jwks_url=key_server.url)
    await Target(other).refuses(WrongIssuer, token=token)
    smaller = Target(make_guard(max_token_bytes=100))
    await smaller.refuses(MalformedToken, token=token)


@pytest.mark.parametrize("change", ["signature", "payload", "header", "case", "cut", "longer"])
async def test_text_that_is_almost_a_remembered_token_is_not(
    change: str, target: Target, tenant: Tenant
) -> None:
    """A remembered token with one character changed, in each of its segments.

    Seen: fast-jwt, CVE-2026-35039 (two tokens under one name in the cache).
    """
    token = tenant.token("read:users")
    await target.lets_in(token=token)
    header, payload, signature = token.split(".")
    swap = {"A": "B"}.get
    changed = {
        "signature": f"{header}.{payload}.{swap(signature[0], 'A')}{signature[1:]}",
        "payload": f"{header}.{payload[:20]}{swap(payload[20], 'A')}{payload[21:]}.{signature}",
        "header": f"{header[:20]}{swap(header[20], 'A')}{header[21:]}.{payload}.{signature}",
        "case": token.swapcase(),
        "cut": token[:-4],
        "longer": f"{token}AAAA",
    }[change]
    answer = await call(target.app, "/users", token=changed)
    assert (answer.status, target.reached) == (401, [])
    assert target.guard.stats.cache_hits == 0


async def test_remembered_token_of_a_withdrawn_key_is_refused(
    target: Target,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
    other_key: SigningKey,
) -> None:
    """A remembered token whose key the issuer has withdrawn since.

    Seen: caches that outlive the keys; RFC 7517, section 5 (rotation).
    """
    token = tenant.token("read:users")
    await target.lets_in(token=token)
    key_server.publish(other_key)
    monotonic.advance(601)
    await target.lets_in(token=token)  # Starts the refresh that the key is gone from.
    await target.lets_in(token=tenant.token("read:users", key=other_key))
    await target.refuses(UnknownKey, token=token)


async def test_remembered_token_of_a_replaced_key_is_refused(
    target: Target, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    """A remembered token whose key id belongs to another key now.

    Seen: caches that keep the id of the key, and not which key it was.
    """
    token = tenant.token("read:users")
    await target.lets_in(token=token)
    successor = SigningKey.rsa(KID)
    key_server.publish(successor)
    monotonic.advance(601)
    await target.lets_in(token=token)  # Starts the refresh.
    await settle()
    await target.lets_in(token=tenant.token("read:users", key=successor, sub="kp_new"))
    await target.refuses(InvalidSignature, token=token)


async def test_remembered_token_is_not_let_in_without_keys(
    target: Target, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    """A remembered token when the keys in hand have become too old.

    Seen: caches that make an outage of the issuer last for ever unnoticed.
    """
    token = tenant.token("read:users")
    await target.lets_in(token=token)
    key_server.fail(500)
    monotonic.advance(600 + 86_400)
    await target.lets_in(token=token)
    monotonic.advance(1)
    answer = await call(target.app, "/users", token=token)
    assert (answer.status, answer.json["reason"]) == (503, KeysUnavailable.reason)


async def test_flood_of_unknown_keys_takes_no_key_away(
    target: Target, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    """A flood of tokens of unknown keys while the issuer is down.

    Seen: PyJWT's PyJWKClient, CVE-2026-48524 (a failed look-up emptied the cache of keys).
    """
    await target.lets_in(token=tenant.token("read:users"))
    key_server.fail(500)
    monotonic.advance(31)
    for number in range(200):
        strange = tenant.key.renamed(f"kid-{number}")
        answer = await call(target.app, "/users", token=tenant.token(key=strange))
        assert answer.status == 503
    assert key_server.fetches == 2
    await target.lets_in(token=tenant.token("read:users", sub="kp_new"))


async def test_flood_of_forged_tokens_takes_no_token_out_of_the_cache(
    make_guard: MakeGuard, tenant: Tenant, other_key: SigningKey
) -> None:
    """Ten times as many forged tokens as the cache holds.

    Seen: caches of refusals, and caches that are filled before the verdict.
    """
    target = Target(make_guard(token_cache_size=4))
    token = tenant.token("read:users")
    await target.lets_in(token=token)
    forger = other_key.renamed(KID)
    for number in range(40):
        forged = tenant.token("read:users", key=forger, sub=f"kp_{number}")
        await target.refuses(InvalidSignature, token=forged)
    await target.lets_in(token=token)
    assert target.guard.stats.cache_hits == 1
