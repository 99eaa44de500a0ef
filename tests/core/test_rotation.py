"""Keys come and go: what a rotation changes for tokens that were already verified."""

from __future__ import annotations

import pytest

from kinde_guard import (
    GuardError,
    InvalidSignature,
    KeysUnavailable,
    KindeGuard,
    UnknownKey,
)
from tests.core.conftest import MakeGuard
from tests.core.exchange import eventually, settle
from tests.mint import FrozenClock, KeyServer, SigningKey, Tenant

pytestmark = pytest.mark.anyio


async def refreshed(guard: KindeGuard, key_server: KeyServer, monotonic: FrozenClock) -> None:
    """Let the guard notice that its keys are due, and fetch them to the end."""
    answered = key_server.answered
    monotonic.advance(601)
    _ = guard.ready
    await eventually(lambda: key_server.answered == answered + 1)
    await settle()


@pytest.mark.parametrize("cache", [0, 4096])
async def test_token_of_a_key_that_is_gone_is_refused_cached_or_not(
    cache: int,
    make_guard: MakeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
    other_key: SigningKey,
) -> None:
    guard = make_guard(token_cache_size=cache)
    seen = tenant.token("a")
    await guard.verify(seen)
    await guard.verify(seen)
    key_server.publish(other_key)
    await refreshed(guard, key_server, monotonic)

    for raw in (seen, tenant.token("b")):
        with pytest.raises(UnknownKey):
            await guard.verify(raw)
    assert (await guard.verify(tenant.token("c", key=other_key))).scopes == {"c"}


@pytest.mark.parametrize("cache", [0, 4096])
async def test_same_kid_with_new_material_is_a_new_key(
    cache: int,
    make_guard: MakeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
    other_key: SigningKey,
) -> None:
    guard = make_guard(token_cache_size=cache)
    successor = other_key.renamed(tenant.key.kid)
    seen = tenant.token("a")
    await guard.verify(seen)
    key_server.publish(successor)
    await refreshed(guard, key_server, monotonic)

    with pytest.raises(InvalidSignature):
        await guard.verify(seen)
    assert (await guard.verify(tenant.token("b", key=successor))).scopes == {"b"}


async def test_refresh_with_the_same_keys_keeps_the_verified_tokens(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    seen = tenant.token("a")
    await guard.verify(seen)
    await refreshed(guard, key_server, monotonic)
    await guard.verify(seen)
    assert guard.stats.cache_hits == 1


async def test_new_key_beside_the_old_one_keeps_the_verified_tokens(
    guard: KindeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
    key: SigningKey,
    other_key: SigningKey,
) -> None:
    seen = tenant.token("a")
    await guard.verify(seen)
    key_server.publish(other_key, key)
    await refreshed(guard, key_server, monotonic)
    assert (await guard.verify(seen)).scopes == {"a"}
    assert (await guard.verify(tenant.token("b", key=other_key))).scopes == {"b"}
    assert guard.stats.cache_hits == 1


async def test_token_of_a_new_key_is_accepted_at_once_after_the_cooldown(
    guard: KindeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
    other_key: SigningKey,
) -> None:
    await guard.verify(tenant.token("a"))
    key_server.publish(other_key)
    monotonic.advance(30)
    assert (await guard.verify(tenant.token("b", key=other_key))).scopes == {"b"}
    assert key_server.fetches == 2


async def test_token_of_a_new_key_inside_the_cooldown_is_refused_and_then_accepted(
    guard: KindeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
    other_key: SigningKey,
) -> None:
    await guard.verify(tenant.token("a"))
    key_server.publish(other_key)
    monotonic.advance(29)
    raw = tenant.token("b", key=other_key)
    with pytest.raises(UnknownKey):
        await guard.verify(raw)
    monotonic.advance(1)
    assert (await guard.verify(raw)).scopes == {"b"}
    assert key_server.fetches == 2


async def test_refused_token_of_an_unknown_key_is_not_remembered_as_refused(
    make_guard: MakeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    other_key: SigningKey,
) -> None:
    guard = make_guard(jwks_cooldown=0)
    raw = tenant.token("a", key=other_key)
    with pytest.raises(UnknownKey):
        await guard.verify(raw)
    key_server.publish(other_key)
    assert (await guard.verify(raw)).scopes == {"a"}


async def test_key_that_comes_back_is_good_again(
    guard: KindeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
    key: SigningKey,
    other_key: SigningKey,
) -> None:
    seen = tenant.token("a")
    await guard.verify(seen)
    key_server.publish(other_key)
    await refreshed(guard, key_server, monotonic)
    key_server.publish(key)
    await refreshed(guard, key_server, monotonic)
    assert (await guard.verify(seen)).scopes == {"a"}


@pytest.mark.parametrize("cache", [0, 4096])
async def test_token_seen_before_is_refused_once_keys_are_too_old(
    cache: int,
    make_guard: MakeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
) -> None:
    guard = make_guard(token_cache_size=cache, jwks_max_age=600, jwks_stale_for=60)
    seen = tenant.token("a")
    await guard.verify(seen)
    key_server.fail(500)
    monotonic.advance(661)
    with pytest.raises(KeysUnavailable):
        await guard.verify(seen)


async def test_rotation_behind_an_outage_is_noticed_when_the_outage_ends(
    guard: KindeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
    other_key: SigningKey,
) -> None:
    seen, fresh = tenant.token("a"), tenant.token("b", key=other_key)
    await guard.verify(seen)
    key_server.fail(500)
    monotonic.advance(601)
    with pytest.raises(KeysUnavailable):
        await guard.verify(fresh)
    assert (await guard.verify(seen)).scopes == {"a"}

    key_server.publish(other_key)
    key_server.recover()
    monotonic.advance(2)
    assert (await guard.verify(fresh)).scopes == {"b"}
    with pytest.raises(GuardError):
        await guard.verify(seen)
