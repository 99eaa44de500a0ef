"""Verified tokens are kept, but never answered for once expired or their key is gone, nor raw."""

from __future__ import annotations

import gc
import tracemalloc
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kinde_guard import (
    ExpiredToken,
    GuardError,
    ImmatureToken,
    InvalidSignature,
    KindeGuard,
    RemoteKeySet,
)
from kinde_guard.verification.token_cache import TokenCache, VerifiedToken, join_scopes
from tests.core.conftest import MakeGuard
from tests.mint import NOW, OMIT, FrozenClock, KeyServer, SigningKey, Tenant, b64url

pytestmark = pytest.mark.anyio


async def test_second_time_is_a_cache_hit_with_the_same_facts(
    guard: KindeGuard, tenant: Tenant
) -> None:
    raw = tenant.token("a", org_code="org_1")
    first, second = await guard.verify(raw), await guard.verify(raw)
    assert guard.stats.cache_hits == 1
    assert second.raw == raw
    assert second.claims == first.claims
    assert second.scopes == {"a"}
    assert second.org_code == "org_1"


async def test_token_as_text_and_as_bytes_is_the_same_token(
    guard: KindeGuard, tenant: Tenant
) -> None:
    raw = tenant.token("a")
    assert (await guard.verify(raw)).raw == raw
    assert (await guard.verify(raw.encode())).raw == raw
    assert guard.stats.cache_hits == 1


async def test_cached_token_is_expired_to_the_second(
    guard: KindeGuard, tenant: Tenant, clock: FrozenClock
) -> None:
    raw = tenant.token("a", exp=NOW + 60)
    await guard.verify(raw)
    clock.now = NOW + 64.9
    await guard.verify(raw)
    assert guard.stats.cache_hits == 1
    clock.now = NOW + 65
    with pytest.raises(ExpiredToken):
        await guard.verify(raw)


async def test_cached_token_that_expired_stays_expired_when_the_clock_is_set_back(
    guard: KindeGuard, tenant: Tenant, clock: FrozenClock
) -> None:
    raw = tenant.token("a", exp=NOW + 60)
    await guard.verify(raw)
    clock.now = NOW + 65
    with pytest.raises(ExpiredToken):
        await guard.verify(raw)
    clock.now = NOW
    assert (await guard.verify(raw)).scopes == {"a"}


async def test_cached_token_is_immature_again_when_the_clock_is_set_back(
    guard: KindeGuard, tenant: Tenant, clock: FrozenClock
) -> None:
    raw = tenant.token("a", nbf=NOW, iat=NOW)
    await guard.verify(raw)
    clock.now = NOW - 3600
    with pytest.raises(ImmatureToken):
        await guard.verify(raw)


async def test_cache_size_of_zero_turns_the_cache_off(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    guard = make_guard(token_cache_size=0)
    raw = tenant.token("a")
    for _ in range(3):
        assert (await guard.verify(raw)).scopes == {"a"}
    assert (guard.stats.verified, guard.stats.cache_hits) == (3, 0)


async def test_least_recently_used_token_goes_first(make_guard: MakeGuard, tenant: Tenant) -> None:
    guard = make_guard(token_cache_size=2)
    first, second, third = (tenant.token(sub=f"kp_{n}") for n in range(3))
    await guard.verify(first)
    await guard.verify(second)
    await guard.verify(first)
    assert guard.stats.cache_hits == 1

    await guard.verify(third)
    await guard.verify(first)
    assert guard.stats.cache_hits == 2
    await guard.verify(second)
    assert guard.stats.cache_hits == 2


async def test_refused_token_is_not_kept(
    guard: KindeGuard, tenant: Tenant, other_key: SigningKey
) -> None:
    forged = tenant.token("a", key=other_key.renamed(tenant.key.kid))
    for _ in range(2):
        with pytest.raises(InvalidSignature):
            await guard.verify(forged)
    assert guard.stats.cache_hits == 0


async def test_forged_tokens_do_not_push_good_ones_out(
    make_guard: MakeGuard, tenant: Tenant, other_key: SigningKey
) -> None:
    guard = make_guard(token_cache_size=2)
    good = tenant.token("a")
    await guard.verify(good)
    forger = other_key.renamed(tenant.key.kid)
    for n in range(5):
        with pytest.raises(GuardError):
            await guard.verify(tenant.token(key=forger, n=n))
    await guard.verify(good)
    assert guard.stats.cache_hits == 1


@pytest.mark.parametrize("part", [0, 1, 2])
async def test_cached_token_with_one_character_changed_is_refused(
    part: int, guard: KindeGuard, tenant: Tenant
) -> None:
    raw = tenant.token("a")
    await guard.verify(raw)
    segments = raw.split(".")
    swapped = "A" if segments[part][8] != "A" else "B"
    segments[part] = segments[part][:8] + swapped + segments[part][9:]
    with pytest.raises(GuardError):
        await guard.verify(".".join(segments))


async def test_two_guards_do_not_share_verdicts(make_guard: MakeGuard, tenant: Tenant) -> None:
    raw = tenant.token("a")
    await make_guard().verify(raw)
    with pytest.raises(GuardError):
        await make_guard(audience="another").verify(raw)


def _held_by(root: object) -> Iterator[Any]:
    """Walk over everything that an object holds, classes and modules left out."""
    seen: set[int] = set()
    queue = [root]
    while queue:
        thing = queue.pop()
        if id(thing) in seen or isinstance(thing, type):
            continue
        seen.add(id(thing))
        yield thing
        if type(thing).__name__ not in {"module", "function", "frame", "coroutine"}:
            queue.extend(gc.get_referents(thing))


async def test_cache_holds_nothing_of_a_token_but_its_scopes(
    guard: KindeGuard, tenant: Tenant
) -> None:
    raw = tenant.token("zQ7scope", sub="zQ7canary", feature="zQ7canary")
    await guard.verify(raw)
    seen = await guard.verify(raw)
    assert guard.stats.cache_hits == 1
    assert seen.subject == "zQ7canary"
    payload, signature = raw.split(".")[1:]

    texts = [thing for thing in _held_by(guard) if isinstance(thing, (str, bytes, bytearray))]
    texts = [text if isinstance(text, str) else bytes(text).decode("latin-1") for text in texts]
    assert any(AUDIENCE_HINT in text for text in texts)
    assert any("zQ7scope" in text for text in texts)
    for text in texts:
        assert signature not in text
        assert payload not in text
        assert "zQ7canary" not in text


@pytest.mark.parametrize(
    "spell",
    [
        lambda tenant, other: tenant.token(note="zQ7canary", key=other.renamed(tenant.key.kid)),
        lambda tenant, other: tenant.token(header={"note": "zQ7canary"}, key=other),
        lambda tenant, other: tenant.token(key=other.renamed("zQ7canary")),
        lambda tenant, other: tenant.token(header={"alg": "zQ7canary"}),
        lambda tenant, other: tenant.token(exp=NOW - 60, sub="zQ7canary"),
        lambda tenant, other: tenant.token(aud="zQ7canary"),
        lambda tenant, other: "zQ7canary",
    ],
    ids=["forged", "header", "kid", "alg", "expired", "audience", "text"],
)
async def test_refused_token_leaves_nothing_in_the_guard(
    spell: Callable[[Tenant, SigningKey], str],
    guard: KindeGuard,
    tenant: Tenant,
    other_key: SigningKey,
) -> None:
    await guard.verify(tenant.token("a"))
    with pytest.raises(GuardError):
        await guard.verify(spell(tenant, other_key))
    hidden = b64url(b"zQ7canary")[:-1]
    for thing in _held_by(guard):
        if isinstance(thing, (str, bytes)):
            text = thing if isinstance(thing, str) else thing.decode("latin-1")
            assert "zQ7canary" not in text
            assert hidden not in text


#: Something that the guard surely holds, so that an empty walk is noticed.
AUDIENCE_HINT = "api.acme.example"


def names(count: int, size: int, token: int | str) -> list[str]:
    """Return scope names of about ``size`` characters, other ones for each token."""
    return [f"{token}:{number}:".ljust(size, "x") for number in range(count)]


@pytest.mark.parametrize(
    ("count", "size"), [(0, 0), (3, 15), (5, 9), (20, 20), (300, 30), (1000, 8), (1, 9000)]
)
@pytest.mark.parametrize("shared", [True, False], ids=["same", "different"])
def test_4096_cached_tokens_hold_at_most_4_mib_whatever_they_claim(
    count: int, size: int, shared: bool
) -> None:
    key_set = RemoteKeySet("https://acme.kinde.com/.well-known/jwks")
    fingerprint = b"f" * 32
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        cache = TokenCache(4096, lambda: NOW)
        for number in range(4096 if count < 30 else 200):
            text = join_scopes(frozenset(names(count, size, "t" if shared else number)))
            assert text is not None
            entry = VerifiedToken(text, key_set, fingerprint, NOW + number / 7, NOW + number / 3)
            cache.put(number.to_bytes(32, "big"), entry)
            assert len(cache.scopes_of(entry)) == count
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held <= 4 * 1024 * 1024


async def test_usual_token_is_remembered_in_half_a_kibibyte(
    guard: KindeGuard, tenant: Tenant
) -> None:
    tokens = [tenant.token("read:users", "create:users", n=n) for n in range(100)]
    await guard.verify(tenant.token("read:users", "create:users"))
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for raw in tokens:
            await guard.verify(raw)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held / len(tokens) < 512


async def test_scopes_beyond_the_room_of_the_cache_push_the_oldest_tokens_out(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    guard = make_guard(token_cache_size=64)
    tokens = [tenant.token(*names(700, 10, n), scp=OMIT, n=n) for n in range(20)]
    for raw in tokens:
        await guard.verify(raw)
    for raw in tokens[-5:]:
        assert len((await guard.verify(raw)).scopes) == 700
    assert guard.stats.cache_hits == 5
    await guard.verify(tokens[0])
    assert guard.stats.cache_hits == 5


@pytest.mark.parametrize(
    ("scopes", "hits"),
    [(["a b", "c"], 0), ([""], 0), (["a", ""], 1), ([], 1), (["a\n", "\u00e4"], 1), ([" "], 0)],
    ids=repr,
)
async def test_names_in_an_array_stay_whole_the_second_time(
    scopes: list[str], hits: int, guard: KindeGuard, tenant: Tenant
) -> None:
    raw = tenant.token(scope=OMIT, scp=scopes)
    assert (await guard.verify(raw)).scopes == set(scopes)
    assert (await guard.verify(raw)).scopes == set(scopes)
    assert guard.stats.cache_hits == hits


async def test_cache_never_holds_more_than_its_size(make_guard: MakeGuard, tenant: Tenant) -> None:
    guard = make_guard(token_cache_size=3)
    tokens = [tenant.token(n=n) for n in range(8)]
    for raw in tokens:
        await guard.verify(raw)
    hits = guard.stats.cache_hits
    for raw in reversed(tokens[-3:]):
        await guard.verify(raw)
    assert guard.stats.cache_hits - hits == 3
    for raw in tokens[:5]:
        await guard.verify(raw)
    assert guard.stats.cache_hits - hits == 3


async def test_cached_token_needs_no_network_while_keys_serve(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    raw = tenant.token("a")
    await guard.verify(raw)
    key_server.fail(500)
    monotonic.advance(3600)
    assert (await guard.verify(raw)).scopes == {"a"}


async def test_more_headers_than_are_remembered_are_read_anew(
    guard: KindeGuard, tenant: Tenant
) -> None:
    for round_ in range(3):
        for number in range(40):
            header = {"number": number}
            await guard.verify(tenant.token("a", header=header, round=round_, number=number))
    assert guard.stats.verified == 120
    assert 0 < len(guard.verifier._headers) <= 16


async def test_header_of_a_refused_token_is_not_remembered(
    guard: KindeGuard, tenant: Tenant, other_key: SigningKey
) -> None:
    await guard.verify(tenant.token("a"))
    forger = other_key.renamed(tenant.key.kid)
    for token in (
        tenant.token(key=forger, header={"number": 1}),
        tenant.token(header={"number": 2}, aud="another"),
        tenant.token(header={"number": 3}, exp=NOW - 60),
    ):
        with pytest.raises(GuardError):
            await guard.verify(token)
    assert len(guard.verifier._headers) == 1


class Contended(OrderedDict[bytes, Any]):
    """Entries that another thread drops as soon as they were read."""

    def get(self, key: bytes, default: Any = None) -> Any:
        return self.pop(key, default)


async def test_entry_that_another_thread_drops_in_between_still_answers(
    guard: KindeGuard, tenant: Tenant
) -> None:
    raw = tenant.token("a")
    await guard.verify(raw)
    cache = guard.verifier._cache
    cache._entries = Contended(cache._entries)
    assert (await guard.verify(raw)).scopes == {"a"}
    assert guard.stats.cache_hits == 1
    assert (await guard.verify(raw)).scopes == {"a"}
    assert (guard.stats.verified, guard.stats.cache_hits) == (3, 1)
