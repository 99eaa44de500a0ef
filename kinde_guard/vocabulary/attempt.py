"""One attempt at a request, and whether its event loop kept running meanwhile.

Where a process gets the processor only during requests, an event loop stands still between them. A
request that was under way then ends by a time-out that says nothing about the server, or brings an
answer that is as old as the pause. A gap between two looks at the clock shows that this happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kinde_guard.vocabulary.event_loop import running_loop

MAX_GAP: Final = 1.0
"""Seconds between two looks at the clock, by which the event loop stood still."""


class Attempt:
    """The clock of one request.

    Args:
        number: higher for every later attempt at the same thing.
        timeout: seconds that the request may take.
        monotonic: the clock, in seconds.

    Attributes:
        number: see above.
        started_at: when it began.
        stood_still: whether its result says nothing about the server.
        is_watched: whether ``watch`` runs beside it. Without that, only a request that took more
            than twice its time-out is taken for one that stood still.
    """

    __slots__ = (
        "_gap",
        "_monotonic",
        "_seen_at",
        "_timeout",
        "is_watched",
        "number",
        "started_at",
        "stood_still",
    )

    def __init__(self, number: int, timeout: float, monotonic: Callable[[], float]) -> None:
        self.number = number
        self.started_at = self._seen_at = monotonic()
        self.stood_still = False
        self.is_watched = True
        self._timeout = timeout
        self._gap = min(MAX_GAP, timeout / 2)
        self._monotonic = monotonic

    @property
    def is_overdue(self) -> bool:
        """Whether it is older than its time-out without having ended.

        Where its event loop runs, the time-out ends it within moments, so that is waited for.
        """
        now = self._monotonic()
        elapsed = now - self.started_at
        late = not 0 <= elapsed <= self._timeout
        return late and (self._is_gap(now) or elapsed > self._timeout + self._gap)

    def look(self) -> None:
        """Look at the clock, and notice a gap since the last look."""
        now = self._monotonic()
        self.stood_still = self.stood_still or self._is_gap(now)
        self._seen_at = now

    async def watch(self) -> None:
        """Look at the clock again and again, until cancelled."""
        while True:
            await running_loop().sleep(self._gap / 4)
            self.look()

    def _is_gap(self, now: float) -> bool:
        if self.is_watched:
            return not 0 <= now - self._seen_at <= self._gap
        return not 0 <= now - self.started_at <= 2 * self._timeout + self._gap
