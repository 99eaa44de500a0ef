"""Revocations in a real Redis: in force in time everywhere, whatever happens to Redis."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest
import trio

from kinde_guard import ConfigurationError, RevocationsUnavailable
from kinde_guard.revocation import RedisRevocations, RevocationWriteError
from kinde_guard.revocation.snapshot import Snapshot
from tests.revocation.redis_server import RedisServer
from tests.revocation.test_memory import claims, is_revoked

pytestmark = pytest.mark.anyio

KEY = "kinde-guard:revocations"
POLL = 0.1

Make = Callable[..., RedisRevocations]


@pytest.fixture
async def make(redis_server: RedisServer) -> AsyncIterator[Make]:
    """Make lists in the same Redis, as several processes would; they are closed at the end."""
    async with AsyncExitStack() as stack:

        def make(url: str = redis_server.url, **settings: Any) -> RedisRevocations:
            revocations = RedisRevocations(url, **{"poll_every": POLL, "timeout": 0.3, **settings})
            stack.push_async_callback(revocations.aclose)
            return revocations

        yield make


def token(user: str = "kp_ada") -> dict[str, Any]:
    now = time.time()
    return claims(now - 60, sub=user, exp=now + 3600)


def size(snapshot: Snapshot | None) -> int:
    return -1 if snapshot is None else snapshot.size


def knows(revocations: RedisRevocations, count: int) -> bool:
    return size(revocations.snapshot) == count


async def refuses(revocations: RedisRevocations, user: str = "kp_ada") -> bool:
    (revocations.snapshot or await revocations.current()).check({})
    return is_revoked(revocations, token(user))  # type: ignore[arg-type]


async def until(condition: Callable[[], Any], seconds: float = 5) -> float:
    start = time.monotonic()
    while True:
        result = condition()
        if hasattr(result, "__await__"):
            result = await result
        if result:
            return time.monotonic() - start
        assert time.monotonic() - start < seconds
        await asyncio.sleep(0.005)


async def test_first_request_waits_for_the_first_snapshot(make: Make) -> None:
    revocations = make()
    assert revocations.snapshot is None
    assert revocations.age is None
    snapshot = await revocations.current()
    assert revocations.snapshot is snapshot
    assert 0 <= (revocations.age or 0) < 1


async def test_snapshot_stays_the_same_object_while_nothing_changes(make: Make) -> None:
    revocations = make()
    snapshot = await revocations.current()
    await asyncio.sleep(4 * POLL)
    assert revocations.snapshot is snapshot
    assert (revocations.age or 0) < 2 * POLL


async def test_revocation_is_in_force_here_at_once_and_elsewhere_within_a_poll(make: Make) -> None:
    here, there = make(), make()
    assert not await refuses(there)
    for number in range(10):
        user = f"kp_{number}"
        await here.revoke_user(user)
        assert await refuses(here, user)
        assert await until(partial(refuses, there, user)) < POLL + 0.05
    await here.restore_user("kp_0")
    assert not await refuses(here, "kp_0")
    await until(lambda: _not(refuses(there, "kp_0")))


async def _not(condition: Any) -> bool:
    return not await condition


async def test_process_that_starts_later_knows_what_was_revoked_before(make: Make) -> None:
    await make().revoke_user("kp_ada")
    assert await refuses(make())


async def test_without_redis_at_the_start_there_is_no_answer(
    redis_server: RedisServer, make: Make
) -> None:
    redis_server.kill()
    revocations = make()
    start = time.monotonic()
    with pytest.raises(RevocationsUnavailable) as raised:
        await revocations.current()
    assert time.monotonic() - start < 1.1
    assert raised.value.headers == {"Retry-After": "1"}
    redis_server.start()
    await until(lambda: revocations.snapshot is not None)


async def test_redis_that_hangs_at_the_start_holds_a_request_for_a_second_at_most(
    redis_server: RedisServer, make: Make
) -> None:
    redis_server.pause()
    revocations = make(timeout=5)
    start = time.monotonic()
    with pytest.raises(RevocationsUnavailable):
        await revocations.current()
    assert 0.9 < time.monotonic() - start < 1.3
    redis_server.resume()
    await until(lambda: revocations.snapshot is not None)


async def test_event_loop_is_not_blocked_while_redis_hangs(
    redis_server: RedisServer, make: Make
) -> None:
    redis_server.pause()
    waiting = asyncio.create_task(make(timeout=5).current())
    longest = 0.0
    while not waiting.done():
        start = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - start)
    assert longest < 0.3
    assert isinstance(waiting.exception(), RevocationsUnavailable)
    redis_server.resume()


@pytest.mark.parametrize("outage", ["kill", "pause"])
async def test_last_snapshot_serves_through_an_outage_without_delay(
    redis_server: RedisServer, make: Make, outage: str
) -> None:
    revocations = make()
    await revocations.revoke_user("kp_ada")
    await revocations.current()
    getattr(redis_server, outage)()
    await asyncio.sleep(2.5)
    for _ in range(20):
        start = time.monotonic()
        assert await refuses(revocations)
        assert not await refuses(revocations, "kp_eve")
        assert time.monotonic() - start < 0.05
        await asyncio.sleep(0.05)
    assert (revocations.age or 0) > 2
    redis_server.resume() if outage == "pause" else redis_server.start()
    await until(lambda: (revocations.age or 9) < 2 * POLL)


async def test_beyond_max_staleness_there_is_no_answer(
    redis_server: RedisServer, make: Make
) -> None:
    revocations = make(max_staleness=1)
    await revocations.current()
    redis_server.kill()
    await asyncio.sleep(0.3)
    assert await revocations.current()
    await asyncio.sleep(0.9)
    assert revocations.snapshot is None
    start = time.monotonic()
    with pytest.raises(RevocationsUnavailable):
        await revocations.current()
    assert time.monotonic() - start < 0.5
    redis_server.start()
    await until(lambda: revocations.snapshot is not None)


async def test_flushed_redis_gets_back_what_living_processes_know(
    redis_server: RedisServer, make: Make
) -> None:
    first, second = make(), make()
    await first.revoke_user("kp_ada")
    await second.revoke_organization("org_acme")
    await second.restore_organization("org_acme")
    await until(lambda: refuses(second))
    redis_server.command("FLUSHALL")
    await until(lambda: redis_server.command("HLEN", KEY) == 3)
    assert await refuses(first)
    third = make()
    assert await refuses(third)
    assert (await third.current()).size == 1


async def test_redis_that_was_replaced_by_an_empty_one_is_filled_again(
    redis_server: RedisServer, make: Make
) -> None:
    revocations = make()
    await revocations.revoke_client("client-1")
    redis_server.kill()
    redis_server.start()
    await until(lambda: redis_server.command("HLEN", KEY) == 2)


async def test_revocation_after_redis_was_started_anew_is_taken(
    redis_server: RedisServer, make: Make
) -> None:
    revocations = make(poll_every=30)
    await revocations.current()
    redis_server.kill()
    redis_server.start()
    await revocations.revoke_user("kp_ada")
    assert redis_server.command("HEXISTS", KEY, "user:kp_ada") == 1


async def test_failed_write_raises_is_in_force_here_and_is_made_up_for(
    redis_server: RedisServer, make: Make
) -> None:
    revocations = make()
    await revocations.current()
    redis_server.kill()
    with pytest.raises(RevocationWriteError, match="ConnectionError"):
        await revocations.revoke_user("kp_ada")
    assert await refuses(revocations)
    redis_server.start()
    await until(lambda: redis_server.command("HEXISTS", KEY, "user:kp_ada") == 1)


@pytest.mark.parametrize(
    ("ways", "back"),
    [
        ([("CONFIG", "SET", "maxmemory", "1")], [("CONFIG", "SET", "maxmemory", "0")]),
        ([("REPLICAOF", "127.0.0.1", "1")], [("REPLICAOF", "NO", "ONE")]),
    ],
    ids=["full", "read-only"],
)
async def test_redis_that_takes_no_writes_is_still_read(
    redis_server: RedisServer, make: Make, ways: list[Any], back: list[Any]
) -> None:
    revocations = make()
    await revocations.revoke_user("kp_ada")
    for command in ways:
        redis_server.command(*command)
    with pytest.raises(RevocationWriteError):
        await revocations.revoke_user("kp_eve")
    assert await refuses(revocations, "kp_eve")
    await asyncio.sleep(3 * POLL)
    assert (revocations.age or 9) < 3 * POLL
    assert await refuses(make())
    for command in back:
        redis_server.command(*command)
    await until(lambda: redis_server.command("HEXISTS", KEY, "user:kp_eve") == 1)


async def test_garbage_in_the_hash_is_skipped_and_logged_once(
    redis_server: RedisServer, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    await make().revoke_user("kp_ada")
    for name, value in [("junk", "junk"), ("user:kp_eve", "{}"), ("user:\xff", b"\xff"), ("", "")]:
        redis_server.command("HSET", KEY, name, value)
    with caplog.at_level(logging.WARNING, "kinde_guard.revocation"):
        revocations = make()
        assert await refuses(revocations)
        redis_server.command("HSET", KEY, "more", "junk")
        await asyncio.sleep(3 * POLL)
    lines = [record.getMessage() for record in caplog.records]
    own = [line for line in lines if "is no entry" in line]
    assert len(own) <= 2  # one for each of two lists
    assert not [line for line in lines if "junk" in line]
    assert (await revocations.current()).size == 1


async def test_key_of_another_type_is_an_outage_and_is_left_alone(
    redis_server: RedisServer, make: Make
) -> None:
    redis_server.command("SET", KEY, "of another application")
    with pytest.raises(RevocationsUnavailable):
        await make().current()
    assert redis_server.command("GET", KEY) == b"of another application"


async def test_server_that_is_no_redis_is_an_outage() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        revocations = RedisRevocations(f"redis://127.0.0.1:{port}")
        with pytest.raises(RevocationsUnavailable):
            await revocations.current()
        await revocations.aclose()


async def test_entries_leave_redis_after_their_time(redis_server: RedisServer, make: Make) -> None:
    revocations = make(keep_for=1)
    await revocations.revoke_user("kp_ada")
    assert (await revocations.current()).size == 1
    await until(lambda: size(revocations.snapshot) == 0)
    await until(lambda: redis_server.command("HLEN", KEY) == 1)


async def test_clocks_apart_do_not_undo_a_decision(make: Make) -> None:
    ahead = make(clock=lambda: time.time() + 5)
    behind = make(clock=time.time)
    await ahead.revoke_user("kp_ada")
    await until(lambda: refuses(behind))
    await behind.restore_user("kp_ada")
    await until(lambda: _not(refuses(ahead)))
    await behind.revoke_user("kp_ada")
    await until(lambda: refuses(ahead))


async def test_two_processes_that_revoke_at_once_lose_nothing(
    redis_server: RedisServer, make: Make
) -> None:
    lists = [make() for _ in range(4)]
    users = [f"kp_{number}" for number in range(100)]
    await asyncio.gather(
        *(lists[number % 4].revoke_user(user) for number, user in enumerate(users))
    )
    assert redis_server.command("HLEN", KEY) == len(users) + 1
    for revocations in lists:
        await until(partial(knows, revocations, len(users)))


async def test_ten_thousand_entries_arrive_elsewhere(make: Make, redis_server: RedisServer) -> None:
    here, there = make(timeout=5), make(timeout=5)
    await there.current()
    for number in range(10_000):
        here._poller_here().known.decide(*_entry(number))
    await here.revoke_user("kp_last")
    # What a living process knows is written again.
    redis_server.command("FLUSHALL")
    await until(lambda: redis_server.command("HLEN", KEY) >= 10_001)
    await until(lambda: size(there.snapshot) >= 10_001)
    late = make(timeout=5)
    assert await refuses(late, "kp_9999")
    assert not await refuses(there, "kp_eve")


def _entry(number: int) -> Any:
    from kinde_guard.revocation.entries import Entry, Kind, Subject  # noqa: PLC0415

    now = time.time()
    return Subject(Kind.USER, f"kp_{number}"), Entry(now, now, False, now)


async def test_everybody_who_waits_is_served_by_one_reading(make: Make) -> None:
    revocations = make(poll_every=60)
    reads = 0
    poller = revocations._poller
    original = poller._read

    def read(*arguments: Any) -> None:
        nonlocal reads
        reads += 1
        original(*arguments)

    poller._read = read  # type: ignore[method-assign, assignment]
    snapshots = await asyncio.gather(*(revocations.current() for _ in range(500)))
    assert len(set(map(id, snapshots))) == 1
    assert reads <= 2


async def test_closed_list_is_used_again(make: Make) -> None:
    revocations = make()
    await revocations.revoke_user("kp_ada")
    await revocations.aclose()
    await revocations.aclose()
    assert revocations.snapshot is None
    assert await refuses(revocations)


def test_lists_serve_several_event_loops_one_after_another(redis_server: RedisServer) -> None:
    revocations = RedisRevocations(redis_server.url, poll_every=POLL)
    asyncio.run(revocations.revoke_user("kp_ada"))
    assert asyncio.run(refuses(revocations))
    trio.run(refuses, revocations)
    asyncio.run(revocations.aclose())


def test_trio_is_served(redis_server: RedisServer) -> None:
    async def main() -> None:
        revocations = RedisRevocations(redis_server.url, poll_every=POLL)
        assert not await refuses(revocations)
        await revocations.revoke_user("kp_ada")
        assert await refuses(revocations)
        await revocations.aclose()

    trio.run(main)


@pytest.mark.parametrize(
    "url",
    ["", "localhost", "http://127.0.0.1", "memcached://x", None, "redis://h:port", b"redis://h"],
)
def test_url_that_is_no_redis_is_refused(url: Any) -> None:
    with pytest.raises(ConfigurationError, match="url"):
        RedisRevocations(url)


def test_password_in_a_refused_url_is_not_told() -> None:
    with pytest.raises(ConfigurationError) as raised:
        RedisRevocations("http://user:secret@127.0.0.1")
    assert "secret" not in str(raised.value)
    revocations = RedisRevocations("valkey://user:secret@127.0.0.1")
    assert "secret" not in repr(revocations)
    assert "secret" not in repr(vars(revocations))


@pytest.mark.parametrize("name", ["poll_every", "max_staleness", "keep_for", "timeout"])
@pytest.mark.parametrize("value", [0, -1, True, "1"])
def test_impossible_setting_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=name):
        RedisRevocations("redis://127.0.0.1", **{name: value})
