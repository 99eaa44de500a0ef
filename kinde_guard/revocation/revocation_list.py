"""The revocations that a process knows: entries that combine, leave by themselves, and a snapshot.

Thread-safe. The snapshot is made anew only when it is asked for after something changed, so many
revocations in a row cost no more than their entries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from kinde_guard.revocation.entries import Entry, Subject, combine, decided_after
from kinde_guard.revocation.snapshot import Snapshot


class RevocationList:
    """A list of revocations in memory.

    Args:
        keep_for: seconds after which an entry leaves.
        clock: seconds since the epoch.
        entries: what is known already.
    """

    __slots__ = ("_clock", "_entries", "_keep_for", "_leaves_at", "_lock", "_snapshot")

    def __init__(
        self,
        keep_for: float,
        clock: Callable[[], float],
        entries: Mapping[Subject, Entry] | None = None,
    ) -> None:
        self._keep_for = keep_for
        self._clock = clock
        # Not held across a fork: the child makes a list of its own.
        self._lock = Lock()
        self._entries: dict[Subject, Entry] = dict(entries or {})
        self._snapshot: Snapshot | None = None
        # When the snapshot is no longer right; at once where there is none.
        self._leaves_at = -math.inf

    @property
    def snapshot(self) -> Snapshot:
        """The revocations in force; another object only after they changed."""
        snapshot = self._snapshot
        if snapshot is None or self._clock() >= self._leaves_at:
            return self._make_snapshot()
        return snapshot

    @property
    def entries(self) -> dict[Subject, Entry]:
        """A copy of all entries, restored ones included."""
        with self._lock:
            return dict(self._entries)

    def entries_unlocked(self) -> dict[Subject, Entry]:
        """Return a copy of all entries, in a process that was forked while they may have changed.

        Each entry is replaced in a single step, so a copy without the lock has whole entries.
        """
        return dict(self._entries)

    def get(self, about: Subject) -> Entry | None:
        """Return the entry of a subject."""
        return self._entries.get(about)

    def decide(self, about: Subject, decision: Entry) -> None:
        """Enter a decision made now; it wins over an earlier one."""
        with self._lock:
            self._combine(about, decided_after(self._entries.get(about), decision))

    def learn(self, entries: Iterable[tuple[Subject, Entry]]) -> None:
        """Enter what came from elsewhere, perhaps late, or again."""
        with self._lock:
            for about, entry in entries:
                self._combine(about, entry)

    def is_old(self, entry: Entry) -> bool:
        """Whether an entry may be forgotten."""
        return self._clock() >= entry.kept_from + self._keep_for

    def _combine(self, about: Subject, entry: Entry) -> None:
        known = self._entries.get(about)
        combined = combine(known, entry)
        if combined is not known and not self.is_old(combined):
            self._entries[about] = combined
            # Tombstones of what is not known here change nothing that is in force.
            if not (combined.restored and (known is None or known.restored)):
                self._snapshot = None

    def _make_snapshot(self) -> Snapshot:
        with self._lock:
            if self._snapshot is not None and self._clock() < self._leaves_at:
                return self._snapshot
            self._forget_old()
            times = (entry.kept_from + self._keep_for for entry in self._entries.values())
            self._leaves_at = min(times, default=math.inf)
            self._snapshot = Snapshot(self._entries, self._keep_for, self._clock)
            return self._snapshot

    def _forget_old(self) -> None:
        for about in [about for about, entry in self._entries.items() if self.is_old(entry)]:
            del self._entries[about]
