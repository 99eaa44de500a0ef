"""One thread of one process, which asks Redis for all event loops and threads of that process.

The thread polls, and does at once what is asked of it: a reading in the foreground for those who
cannot use what was read before, and writings. It is started when first needed and is a daemon: it
does not keep the process alive.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread

from kinde_guard.revocation.entries import Subject
from kinde_guard.revocation.redis_store import RedisStore
from kinde_guard.revocation.revocation_list import RevocationList

logger = logging.getLogger("kinde_guard.revocation")

# Of poll_every: a poll takes some time itself, and what it finds must be in force in time.
_POLL_EARLIER = 0.9


@dataclass(frozen=True, slots=True)
class PollTimes:
    """How long what was read serves, in seconds.

    Attributes:
        poll_every: between two readings.
        timeout: for connecting to Redis, and for each of its answers.
        max_staleness: after which it may not be used any more; infinite for no limit.
    """

    poll_every: float
    timeout: float
    max_staleness: float

    @property
    def fresh_for(self) -> float:
        """After a reading: a thread that polls would have read again by then."""
        return min(2 * self.poll_every, self.max_staleness)

    @property
    def failed_for(self) -> float:
        """After a failed reading: a thread that polls would have failed again by then."""
        return 2 * (self.poll_every + self.timeout)


@dataclass(frozen=True, slots=True)
class Reading:
    """How recent the list is, on the monotonic clock.

    Attributes:
        read_at: when the last reading that succeeded was begun.
        settled_until: until then no request waits for another reading.
        usable_until: until then the list may be used.
    """

    read_at: float = -math.inf
    settled_until: float = -math.inf
    usable_until: float = -math.inf


class Task:
    """Something asked of the thread: a reading, or a writing of some subjects."""

    __slots__ = ("asked_at", "done", "error", "subject")

    def __init__(self, subject: Subject | None = None) -> None:
        self.subject = subject
        self.asked_at = time.monotonic()
        self.done = Event()
        self.error: Exception | None = None

    def complete(self, error: Exception | None) -> None:
        """Say how it ended."""
        self.error = error
        self.done.set()


class RedisPoller:
    """Keeps a list of revocations up to date in the process that it is made in.

    Args:
        make_store: connects to Redis.
        known: the list.
        times: how often, and for how long.
        monotonic: the clock of all ages, in seconds.
        reading: what a process that was forked knows of its parent's list.
    """

    def __init__(
        self,
        make_store: Callable[[], RedisStore],
        known: RevocationList,
        times: PollTimes,
        monotonic: Callable[[], float],
        reading: Reading,
    ) -> None:
        self.pid = os.getpid()
        self.known = known
        self.reading = replace(reading, settled_until=-math.inf)
        self._make_store = make_store
        self._times = times
        self._monotonic = monotonic
        self._lock = Lock()
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._refresh: Task | None = None
        self._failing = False

    def refresh(self) -> Task:
        """Return the reading that is under way, or ask for one."""
        task = self._refresh
        # One that is older was under way while this process stood still.
        limit = max(1.0, 2 * self._times.poll_every)
        if task is None or task.done.is_set() or time.monotonic() - task.asked_at > limit:
            task = self._refresh = Task()
            self._ask(task)
        return task

    def write(self, subject: Subject) -> Task:
        """Ask for the entry of a subject to be written."""
        task = Task(subject)
        self._ask(task)
        return task

    def start(self) -> None:
        """Start polling, unless that is under way."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._tasks = SimpleQueue()
                name = "kinde-guard revocations"
                self._thread = Thread(target=self._run, args=(self._tasks,), name=name, daemon=True)
                self._thread.start()

    def stop(self) -> Thread | None:
        """Ask the thread to end, and return it. In a process that was forked there is none."""
        if self.pid != os.getpid():
            return None
        self.reading = replace(self.reading, settled_until=-math.inf)
        with self._lock:
            thread, self._thread = self._thread, None
            self._tasks.put(None)
        return thread

    def _ask(self, task: Task) -> None:
        self.start()
        with self._lock:
            self._tasks.put(task)

    def _run(self, tasks: SimpleQueue[Task | None]) -> None:
        store = self._make_store()
        try:
            polled_at = -math.inf
            while True:
                asked = _next_tasks(tasks, polled_at + _POLL_EARLIER * self._times.poll_every)
                asked_to_write = [task for task in asked if task is not None and task.subject]
                if asked_to_write:
                    self._write(store, asked_to_write)
                to_read = [task for task in asked if task is not None and not task.subject]
                if to_read:
                    polled_at = time.monotonic()
                    self._read(store, to_read)
                if None in asked:
                    return
        finally:
            store.close()

    def _read(self, store: RedisStore, tasks: list[Task]) -> None:
        started_at = self._monotonic()
        try:
            store.read(self.known)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, nothing was read
            self._failed(error)
            failure: Exception | None = error
        else:
            self._succeeded(started_at)
            failure = None
        for task in tasks:
            task.complete(failure)

    def _write(self, store: RedisStore, tasks: list[Task]) -> None:
        subjects = {task.subject: None for task in tasks if task.subject}
        try:
            store.write(self.known, list(subjects))
        except Exception as error:  # noqa: BLE001 - raised to those who asked
            failure: Exception | None = error
        else:
            failure = None
        for task in tasks:
            task.complete(failure)

    def _succeeded(self, started_at: float) -> None:
        times = self._times
        # From the start: what was read may be as old as that.
        self.reading = Reading(
            started_at, started_at + times.fresh_for, started_at + times.max_staleness
        )
        if self._failing:
            self._failing = False
            logger.info("revocations are read from Redis again")

    def _failed(self, error: Exception) -> None:
        settled_until = self._monotonic() + self._times.failed_for
        self.reading = replace(self.reading, settled_until=settled_until)
        if not self._failing:
            # Once for each outage.
            self._failing = True
            logger.warning("revocations could not be read from Redis (%s)", type(error).__name__)


def _next_tasks(tasks: SimpleQueue[Task | None], poll_at: float) -> list[Task | None]:
    # Everything that was asked so far, or a reading of its own when that is due.
    try:
        asked = [tasks.get(timeout=max(0.0, poll_at - time.monotonic()))]
    except Empty:
        return [Task()]
    while not tasks.empty():
        asked.append(tasks.get())
    if time.monotonic() >= poll_at:
        asked.append(Task())
    return asked
