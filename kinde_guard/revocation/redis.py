"""Revocations of all processes of an API, shared through Redis or Valkey."""

from __future__ import annotations

import math
import os
import time
import weakref
from collections.abc import Callable
from functools import partial

from kinde_guard.revocation.entries import Entry, Subject
from kinde_guard.revocation.memory import KEEP_FOR
from kinde_guard.revocation.operations import RevocationOperations
from kinde_guard.revocation.poller import PollTimes, Reading, RedisPoller, Task
from kinde_guard.revocation.redis_store import RedisStore
from kinde_guard.revocation.revocation_list import RevocationList
from kinde_guard.revocation.snapshot import Snapshot
from kinde_guard.vocabulary.checks import callable_, optional_text, seconds
from kinde_guard.vocabulary.clocks import monotonic_time, system_time
from kinde_guard.vocabulary.errors import RevocationsUnavailable
from kinde_guard.vocabulary.event_loop import running_loop
from kinde_guard.vocabulary.urls import wrong

FIRST_WAIT = 1.0
"""Seconds that a request waits for a reading at most."""

WRITE_WAIT = 5.0
"""Seconds that a writing is waited for at most."""


class RevocationWriteError(ConnectionError):
    """A revocation is in force in this process, but Redis did not take it.

    Other processes do not know of it until this process, if it lives on, could write it.
    """


class RedisRevocations(RevocationOperations):
    """A list of revocations in Redis, of which every process has a copy.

    Requests ask the copy, which a thread keeps up to date; a revocation is in force in this process
    at once and in all others within ``poll_every``. While Redis is away the copy serves. What is
    known here is written again when Redis has lost it; still, let Redis not evict: set its
    ``maxmemory-policy`` to ``noeviction``.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://`` (also ``valkey://`` and ``valkeys://``).
        poll_every: seconds between two readings.
        max_staleness: seconds after which a copy that could not be renewed is not used any more and
            requests get 503; ``None`` for no limit.
        keep_for: seconds that an entry is kept. Tokens that live longer are refused.
        key: the name of the Redis hash.
        timeout: seconds for connecting to Redis, and for each of its answers.
        clock: seconds since the epoch.
        monotonic: the clock of all ages, in seconds.

    Raises:
        ConfigurationError: an argument makes no sense, or the extra ``redis`` is not installed.

    Source: Redis, "Key eviction".

    Example:
        >>> revocations = RedisRevocations("redis://127.0.0.1:6379/0", max_staleness=60)
        >>> revocations.snapshot is None, revocations.age
        (True, None)
    """

    def __init__(
        self,
        url: str,
        *,
        poll_every: float = 1,
        max_staleness: float | None = None,
        keep_for: float = KEEP_FOR,
        key: str = "kinde-guard:revocations",
        timeout: float = 1,
        clock: Callable[[], float] = system_time,
        monotonic: Callable[[], float] = monotonic_time,
    ) -> None:
        _check_seconds(poll_every, max_staleness, keep_for, timeout)
        if optional_text("key", key) is None:
            raise wrong("key", key, "the name of a Redis hash")
        callable_("clock", clock)
        callable_("monotonic", monotonic)
        limit = math.inf if max_staleness is None else max_staleness
        self._clock = clock
        self._monotonic = monotonic
        self._keep_for = keep_for
        self._times = PollTimes(poll_every, timeout, limit)
        # A closure, because the URL may hold a password, which a repr would show.
        self._make_store = lambda: RedisStore(url, key, timeout)
        # Makes no connection, but finds out here and now whether it could.
        self._make_store().close()
        self._pollers: dict[int, RedisPoller] = {}
        self._poller = self._new_poller(RevocationList(keep_for, clock), Reading())

    @property
    def snapshot(self) -> Snapshot | None:
        """The revocations in force, or ``None`` where :meth:`current` has to be awaited."""
        poller = self._poller
        reading, now = poller.reading, self._monotonic()
        if now > reading.settled_until or now > reading.usable_until or poller.pid != os.getpid():
            return None
        return poller.known.snapshot

    @property
    def age(self) -> float | None:
        """Seconds since the revocations were last read; ``None`` before."""
        read_at = self._poller.reading.read_at
        return None if read_at == -math.inf else self._monotonic() - read_at

    async def current(self) -> Snapshot:
        """Return the revocations in force, reading them first if that is overdue.

        Raises:
            RevocationsUnavailable: they could not be read, or are older than ``max_staleness``.
        """
        poller = self._poller_here()
        poller.start()
        if self._monotonic() > poller.reading.settled_until:
            await _completed(poller.refresh())
        if self._monotonic() > poller.reading.usable_until:
            raise RevocationsUnavailable(math.ceil(self._times.poll_every))
        return poller.known.snapshot

    async def aclose(self) -> None:
        """End the thread and its connection. The object can be used again afterwards."""
        poller = self._poller
        if poller.pid != os.getpid():
            return
        thread = poller.stop()
        deadline = time.monotonic() + FIRST_WAIT
        while thread is not None and thread.is_alive() and time.monotonic() < deadline:
            await running_loop().sleep(0.005)

    def _poller_here(self) -> RedisPoller:
        # In a process that was forked, the thread is not there, and locks may be held for ever.
        poller, pid = self._poller, os.getpid()
        if poller.pid != pid:
            entries = poller.known.entries_unlocked()
            known = RevocationList(self._keep_for, self._clock, entries)
            self._poller = poller = self._new_poller(known, poller.reading)
        return poller

    def _new_poller(self, known: RevocationList, reading: Reading) -> RedisPoller:
        poller = RedisPoller(self._make_store, known, self._times, self._monotonic, reading)
        # Of several threads that arrive here at once, one poller is used by all.
        chosen = self._pollers.setdefault(os.getpid(), poller)
        if chosen is poller:
            weakref.finalize(self, poller.stop).atexit = False
        return chosen

    def _revoked_before(self, about: Subject, default: float) -> float:
        known = self._poller.known.get(about)
        return default if known is None else known.before

    async def _decide(self, about: Subject, decision: Entry) -> None:
        self._poller_here().known.decide(about, decision)
        await self._write(about)

    async def _learn(self, about: Subject, entry: Entry) -> None:
        self._poller_here().known.learn([(about, entry)])
        await self._write(about)

    async def _write(self, about: Subject) -> None:
        task = self._poller_here().write(about)
        await running_loop().in_thread(partial(task.done.wait, WRITE_WAIT))
        if task.done.is_set() and task.error is None:
            return
        reason = "no answer" if task.error is None else type(task.error).__name__
        raise RevocationWriteError(
            f"Redis did not take a revocation ({reason}): it is in force in this process, "
            "and is written when Redis can be written to again"
        ) from task.error

    def __repr__(self) -> str:
        return f"<RedisRevocations: {self._poller.known.snapshot!r}>"


def _check_seconds(
    poll_every: float, max_staleness: float | None, keep_for: float, timeout: float
) -> None:
    check = seconds(0, above=True)
    check("poll_every", poll_every)
    check("keep_for", keep_for)
    check("timeout", timeout)
    if max_staleness is not None:
        check("max_staleness", max_staleness)


async def _completed(task: Task) -> None:
    # Not in a thread of the event loop's pool: many may wait at once.
    loop, pause = running_loop(), 0.001
    while not task.done.is_set() and time.monotonic() - task.asked_at < FIRST_WAIT:
        await loop.sleep(pause)
        pause = min(1.5 * pause, 0.02)
