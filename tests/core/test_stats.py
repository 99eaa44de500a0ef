"""What the guard counts and tells, and that telling never changes an answer."""

from __future__ import annotations

import copy
import dataclasses
import logging
from typing import Any

import pytest

from kinde_guard import ExpiredToken, GuardError, GuardEvent, GuardStats, KindeGuard
from tests.core.conftest import MakeApp, MakeGuard
from tests.core.exchange import call
from tests.mint import ISSUER, NOW, FrozenClock, KeyServer, SigningKey, Tenant

pytestmark = pytest.mark.anyio


async def test_new_guard_has_counted_nothing(guard: KindeGuard) -> None:
    stats = guard.stats
    assert isinstance(stats, GuardStats)
    assert (stats.verified, stats.cache_hits) == (0, 0)
    assert (stats.key_fetches, stats.key_fetch_failures) == (0, 0)
    assert sum(stats.rejected.values()) == 0
    assert stats.key_age is None


async def test_every_accepted_token_counts_as_verified_cached_or_not(
    guard: KindeGuard, tenant: Tenant
) -> None:
    raw = tenant.token("a")
    for _ in range(3):
        await guard.verify(raw)
    await guard.verify(tenant.token("b"))
    assert (guard.stats.verified, guard.stats.cache_hits) == (4, 2)


async def test_refusals_count_by_their_reason(
    guard: KindeGuard, tenant: Tenant, other_key: SigningKey
) -> None:
    bad = [
        tenant.token(exp=NOW - 60),
        tenant.token(exp=NOW - 60, sub="kp_2"),
        tenant.token(aud="x"),
        tenant.token(key=other_key),
        "nonsense",
    ]
    for raw in bad:
        with pytest.raises(GuardError):
            await guard.verify(raw)
    assert dict(guard.stats.rejected) == {
        "expired_token": 2,
        "wrong_audience": 1,
        "unknown_key": 1,
        "malformed_token": 1,
    }
    assert guard.stats.verified == 0


async def test_key_fetches_failures_and_age_are_counted(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    key_server.fail(500)
    with pytest.raises(GuardError):
        await guard.verify(tenant.token())
    assert (guard.stats.key_fetches, guard.stats.key_fetch_failures) == (1, 1)
    assert guard.stats.key_age is None

    key_server.recover()
    monotonic.advance(60)
    await guard.verify(tenant.token())
    assert (guard.stats.key_fetches, guard.stats.key_fetch_failures) == (2, 1)
    monotonic.advance(42)
    assert guard.stats.key_age == 42


async def test_stats_in_hand_do_not_change(guard: KindeGuard, tenant: Tenant) -> None:
    before = guard.stats
    await guard.verify(tenant.token())
    with pytest.raises(GuardError):
        await guard.verify("nonsense")
    assert before.verified == 0
    assert not before.rejected
    with pytest.raises((AttributeError, TypeError)):
        before.verified = 7  # type: ignore[misc]


async def test_stats_are_plain_data(guard: KindeGuard) -> None:
    with pytest.raises(GuardError):
        await guard.verify("nonsense")
    assert dataclasses.asdict(guard.stats)["rejected"] == {"malformed_token": 1}
    assert copy.deepcopy(guard.stats) == guard.stats


async def test_public_request_without_a_token_counts_as_nothing(
    make_app: MakeApp, guard: KindeGuard, make_guard: MakeGuard
) -> None:
    guard = make_guard(public_paths=("/open",))
    await call(make_app(guard), "/open")
    assert guard.stats.verified == 0
    assert not guard.stats.rejected


async def test_token_that_lacks_scopes_counts_as_verified_and_as_refused(
    make_app: MakeApp, guard: KindeGuard, tenant: Tenant
) -> None:
    await call(make_app(guard), "/users", token=tenant.token())
    assert guard.stats.verified == 1
    assert dict(guard.stats.rejected) == {"insufficient_scope": 1}


async def test_events_tell_what_happened_in_order(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    told: list[GuardEvent] = []
    guard = make_guard(on_event=told.append)
    key_server.fail(500)
    with pytest.raises(GuardError):
        await guard.verify(tenant.token())
    key_server.recover()
    monotonic.advance(60)
    await guard.verify(tenant.token())
    with pytest.raises(ExpiredToken):
        await guard.verify(tenant.token(exp=NOW - 60))

    assert [(event.name, event.reason) for event in told] == [
        ("keys_failed", ""),
        ("rejected", "keys_unavailable"),
        ("keys_fetched", ""),
        ("verified", ""),
        ("rejected", "expired_token"),
    ]
    assert {event.issuer for event in told if event.name.startswith("keys")} == {ISSUER}


async def test_events_hold_nothing_of_the_token(make_guard: MakeGuard, tenant: Tenant) -> None:
    told: list[GuardEvent] = []
    guard = make_guard(on_event=told.append)
    for raw in (tenant.token("zQ7canary", sub="zQ7canary"), "zQ7canary"):
        try:
            await guard.verify(raw)
        except GuardError:
            continue
    assert len(told) == 3
    assert "zQ7canary" not in repr(told)


async def test_event_cannot_be_changed(make_guard: MakeGuard, tenant: Tenant) -> None:
    told: list[Any] = []
    await make_guard(on_event=told.append).verify(tenant.token())
    with pytest.raises((AttributeError, TypeError)):
        told[0].name = "rejected"


@pytest.mark.parametrize("path", ["/users", "/token"])
async def test_listener_that_raises_is_logged_and_changes_no_answer(
    path: str,
    make_app: MakeApp,
    make_guard: MakeGuard,
    tenant: Tenant,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(event: GuardEvent) -> None:
        raise RuntimeError("listener broke")

    app = make_app(make_guard(on_event=broken))
    assert (await call(app, path, token=tenant.token("read:users"))).status == 200
    assert (await call(app, path)).status == 401
    records = [record for record in caplog.records if record.name.startswith("kinde_guard")]
    assert records
    assert all(record.levelno >= logging.WARNING for record in records)


async def test_listener_that_raises_does_not_lose_the_keys(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    def broken(event: GuardEvent) -> None:
        raise RuntimeError("listener broke")

    guard = make_guard(on_event=broken)
    await guard.verify(tenant.token("a"))
    assert guard.ready
    assert key_server.fetches == 1


async def test_two_guards_count_apart(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    first, second = make_guard(), make_guard()
    await first.verify(tenant.token())
    assert (first.stats.verified, second.stats.verified) == (1, 0)
    assert second.stats.key_fetches == 0
