"""Revocations in memory: which claims are refused, for how long, and what wins over what."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from kinde_guard import ConfigurationError, InvalidClaim, RevokedToken
from kinde_guard.revocation import MemoryRevocations
from kinde_guard.revocation.entries import Entry, combine, decode, encode, field_name, subject
from kinde_guard.revocation.entries import Kind as EntryKind
from tests.mint import NOW, FrozenClock

pytestmark = pytest.mark.anyio

USER, ORG, CLIENT, TOKEN = "kp_ada", "org_acme", "client-1", "jti-1"
DAY = 86_400
NAIVE = datetime.fromisoformat("2026-01-01")


@dataclass(frozen=True)
class Event:
    type: str
    data: Any
    timestamp: Any = field(default_factory=lambda: datetime.fromtimestamp(NOW, UTC))


@pytest.fixture
def revocations(clock: FrozenClock) -> MemoryRevocations:
    return MemoryRevocations(clock=clock)


def claims(issued_at: float | None = NOW - 60, **changes: Any) -> dict[str, Any]:
    members: dict[str, Any] = {
        "iss": "https://acme.kinde.com",
        "sub": USER,
        "org_code": ORG,
        "azp": CLIENT,
    }
    members |= {"jti": TOKEN, "iat": issued_at, "exp": NOW + 3600, **changes}
    return {name: value for name, value in members.items() if value is not None}


def is_revoked(revocations: MemoryRevocations, given: dict[str, Any]) -> bool:
    try:
        revocations.snapshot.check(given)
    except RevokedToken:
        return True
    return False


Revoke = Callable[[MemoryRevocations], Awaitable[None]]
REVOKE: dict[str, Revoke] = {
    "user": lambda list_: list_.revoke_user(USER),
    "organization": lambda list_: list_.revoke_organization(ORG),
    "client": lambda list_: list_.revoke_client(CLIENT),
    "token": lambda list_: list_.revoke_token(TOKEN),
}
RESTORE: dict[str, Revoke] = {
    "user": lambda list_: list_.restore_user(USER),
    "organization": lambda list_: list_.restore_organization(ORG),
    "client": lambda list_: list_.restore_client(CLIENT),
    "token": lambda list_: list_.restore_token(TOKEN),
}
OTHER = {"user": "sub", "organization": "org_code", "client": "azp", "token": "jti"}


async def test_nothing_is_revoked_at_first(revocations: MemoryRevocations) -> None:
    assert not is_revoked(revocations, claims())
    assert revocations.age is None
    assert await revocations.current() is revocations.snapshot


@pytest.mark.parametrize("kind", REVOKE)
async def test_revoked_subject_is_refused_and_another_is_not(
    revocations: MemoryRevocations, kind: str
) -> None:
    await REVOKE[kind](revocations)
    assert is_revoked(revocations, claims())
    for value in ("another", None):
        assert not is_revoked(revocations, {**claims(), OTHER[kind]: value})


@pytest.mark.parametrize("kind", REVOKE)
async def test_restored_subject_is_accepted_even_within_one_tick_of_the_clock(
    revocations: MemoryRevocations, kind: str
) -> None:
    await REVOKE[kind](revocations)
    await RESTORE[kind](revocations)
    assert not is_revoked(revocations, claims())
    await REVOKE[kind](revocations)
    assert is_revoked(revocations, claims())


@pytest.mark.parametrize(
    ("issued_at", "refused"),
    [
        (NOW - 1, True),
        (NOW, True),
        (NOW + 0.9, True),
        (NOW + 1, False),
        (NOW + 2, False),
        (None, True),
    ],
)
async def test_whole_second_of_iat_decides_without_leeway(
    revocations: MemoryRevocations, issued_at: float | None, refused: bool
) -> None:
    await revocations.revoke_user(USER, before=NOW + 0.5)
    assert is_revoked(revocations, claims(issued_at)) is refused


async def test_token_whose_id_is_revoked_is_refused_whenever_it_was_issued(
    revocations: MemoryRevocations,
) -> None:
    await revocations.revoke_token(TOKEN)
    assert is_revoked(revocations, claims(NOW + 4))


async def test_aware_datetime_is_a_moment(revocations: MemoryRevocations) -> None:
    await revocations.revoke_user(USER, before=datetime.fromtimestamp(NOW - 100, UTC))
    assert is_revoked(revocations, claims(NOW - 100))
    assert not is_revoked(revocations, claims(NOW - 99))


async def test_organization_under_its_hasura_name_is_refused(
    revocations: MemoryRevocations,
) -> None:
    await revocations.revoke_organization(ORG)
    assert is_revoked(revocations, {**claims(org_code=None), "x-hasura-org-code": ORG})


@pytest.mark.parametrize("kind", ["user", "organization"])
async def test_api_key_obeys_users_and_organizations(
    revocations: MemoryRevocations, kind: str
) -> None:
    key = {"key_id": "api_key_1", "user_id": USER, "org_code": ORG, "is_valid": True}
    assert not is_revoked(revocations, key)
    await REVOKE[kind](revocations)
    assert is_revoked(revocations, key)
    assert not is_revoked(revocations, {**key, "user_id": None, "org_code": None})


async def test_claim_of_a_token_named_like_that_of_an_api_key_is_not_read(
    revocations: MemoryRevocations,
) -> None:
    await revocations.revoke_user("7")
    assert not is_revoked(revocations, claims(sub=None, user_id="7"))


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        (claims(NOW, exp=NOW + DAY), False),
        (claims(NOW, exp=NOW + DAY + 1), True),
        (claims(None, exp=NOW + DAY), False),
        (claims(None, exp=NOW + DAY + 1), True),
        ({"key_id": "api_key_1"}, False),
    ],
)
async def test_token_that_outlives_the_entries_is_refused(
    clock: FrozenClock, given: dict[str, Any], refused: bool
) -> None:
    snapshot = MemoryRevocations(keep_for=DAY, clock=clock).snapshot
    if refused:
        with pytest.raises(InvalidClaim):
            snapshot.check(given)
    else:
        snapshot.check(given)


async def test_entry_leaves_after_its_time_and_not_before(clock: FrozenClock) -> None:
    revocations = MemoryRevocations(keep_for=DAY, clock=clock)
    await revocations.revoke_user(USER)
    clock.advance(DAY - 1)
    assert revocations.snapshot.size == 1
    clock.advance(1)
    assert revocations.snapshot.size == 0


async def test_snapshot_is_another_object_only_after_a_change(
    revocations: MemoryRevocations, clock: FrozenClock
) -> None:
    first = revocations.snapshot
    await revocations.apply(Event("user.created", {"user": {"id": USER}}))
    await revocations.restore_user("kp_unknown")
    clock.advance(60)
    assert revocations.snapshot is first
    await revocations.apply(Event("user.deleted", {"user": {"id": USER}}))
    second = revocations.snapshot
    assert second is not first
    await revocations.apply(Event("user.deleted", {"user": {"id": USER}}))
    assert revocations.snapshot is second
    assert first.size == 0


@pytest.mark.parametrize(
    "event",
    [
        Event("user.deleted", {"user": {"id": USER}}),
        Event("user.updated", {"user": {"id": USER, "is_suspended": True}}),
        Event("organization.deleted", {"organization": {"code": ORG}}),
        Event("user.deleted", {"user": {"id": USER}}, NOW),
    ],
)
async def test_event_that_revokes_is_applied(revocations: MemoryRevocations, event: Event) -> None:
    assert await revocations.apply(event) is True
    assert is_revoked(revocations, claims(NOW))
    assert not is_revoked(revocations, claims(NOW + 1))


@pytest.mark.parametrize(
    "event",
    [
        Event("user.updated", {"user": {"id": USER, "is_suspended": False}}),
        Event("user.updated", {"user": {"id": USER, "is_suspended": "true"}}),
        Event("user.updated", {"user": {"id": USER}}),
        Event("user.created", {"user": {"id": USER, "is_suspended": True}}),
        Event("organization.updated", {"organization": {"code": ORG}}),
        Event("user.deleted", {"user": {"id": ""}}),
        Event("user.deleted", {"user": {"id": 7}}),
        Event("user.deleted", {"user": "kp_ada"}),
        Event("user.deleted", {}),
        Event("user.deleted", []),
        Event("tomorrow.invented", {"user": {"id": USER}}),
    ],
)
async def test_other_event_is_ignored(revocations: MemoryRevocations, event: Event) -> None:
    assert await revocations.apply(event) is False
    assert revocations.snapshot.size == 0


async def test_event_without_a_moment_raises(revocations: MemoryRevocations) -> None:
    with pytest.raises(ConfigurationError, match="timestamp"):
        await revocations.apply(Event("user.deleted", {"user": {"id": USER}}, NAIVE))


async def test_late_doubled_and_unordered_events_take_nothing_newer_back(
    revocations: MemoryRevocations, clock: FrozenClock
) -> None:
    def at(seconds: float) -> datetime:
        return datetime.fromtimestamp(NOW + seconds, UTC)

    data = {"user": {"id": USER, "is_suspended": True}}
    clock.advance(100)
    await revocations.apply(Event("user.updated", data, at(50)))
    await revocations.apply(Event("user.updated", data, at(10)))
    assert is_revoked(revocations, claims(NOW + 50))
    await revocations.restore_user(USER)
    for late in (10, 50, 99):
        await revocations.apply(Event("user.updated", data, at(late)))
    assert not is_revoked(revocations, claims(NOW + 10))
    await revocations.apply(Event("user.deleted", data, at(101)))
    assert is_revoked(revocations, claims(NOW + 101))


@pytest.mark.parametrize("name", ["a b", "ключ", "x:y:z", '"\\', "\x00\n", "x" * 1024, "😀"])
async def test_id_may_have_any_characters(revocations: MemoryRevocations, name: str) -> None:
    await revocations.revoke_user(name)
    assert is_revoked(revocations, claims(sub=name))
    about = subject(EntryKind.USER, name)
    entry = Entry(NOW, NOW, False, NOW)
    assert decode(field_name(about), encode(entry)) == (about, entry)


@pytest.mark.parametrize("name", ["", "x" * 1025, "\ud800", 7, None, b"kp"])
async def test_id_that_is_no_text_is_refused(revocations: MemoryRevocations, name: Any) -> None:
    with pytest.raises(ConfigurationError, match="user id"):
        await revocations.revoke_user(name)


@pytest.mark.parametrize("before", [float("nan"), float("inf"), -1, True, "now", NAIVE])
async def test_moment_that_is_none_is_refused(revocations: MemoryRevocations, before: Any) -> None:
    with pytest.raises(ConfigurationError, match="before"):
        await revocations.revoke_user(USER, before=before)


@pytest.mark.parametrize("keep_for", [0, -1, True, "1", float("nan")])
def test_impossible_time_to_keep_is_refused(keep_for: Any) -> None:
    with pytest.raises(ConfigurationError, match="keep_for"):
        MemoryRevocations(keep_for=keep_for)


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"[1,2,0]",
        b'["1",2,0,4]',
        b"[NaN,1,0,1]",
        b"[" * 10_000,
        b"\xff",
    ],
)
def test_stored_garbage_is_no_entry(stored: bytes) -> None:
    assert decode(b"user:kp_1", stored) is None


@pytest.mark.parametrize("name", [b"", b"user", b"user:", b"nobody:kp_1", b"user:\xff", b"\xff:1"])
def test_garbage_as_a_field_is_no_entry(name: bytes) -> None:
    assert decode(name, encode(Entry(1, 1, False, 1))) is None


def test_entries_combine_to_the_same_in_whatever_order_they_come() -> None:
    entries = [Entry(10, 10, False, 1), Entry(20, 20, True, 2), Entry(30, 30, False, 3)]
    results = set()
    for order in itertools.permutations([*entries, entries[0]]):
        known = None
        for entry in order:
            known = combine(known, entry)
        results.add(known)
    assert results == {entries[2]}


def test_many_threads_revoke_at_once(clock: FrozenClock) -> None:
    revocations = MemoryRevocations(clock=clock)

    def revoke(first: int) -> None:
        for number in range(first, first + 500):
            coroutine = revocations.revoke_user(f"kp_{number}")
            with pytest.raises(StopIteration):
                coroutine.send(None)
            assert is_revoked(revocations, claims(sub=f"kp_{number}"))

    threads = [threading.Thread(target=revoke, args=(500 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert revocations.snapshot.size == 2000
