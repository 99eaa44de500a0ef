"""How many unknown keys may be looked up.

Only an answer "not good" spends the budget of a minute. A look-up under way reserves a part of it,
and gives it back when the key is good or there is no answer.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MINUTE = 60.0
"""Seconds."""


class UnknownKeyThrottle:
    """Bounds the look-ups of keys that turn out not to be good.

    Args:
        per_minute: that many in any 60 seconds.
        monotonic: the clock, in seconds.

    Example:
        >>> throttle = UnknownKeyThrottle(1, lambda: 0.0)
        >>> with throttle.reserve() as spend:
        ...     spend()
        >>> throttle.retry_after
        60
    """

    def __init__(self, per_minute: int, monotonic: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._monotonic = monotonic
        self._spent: deque[float] = deque(maxlen=per_minute)
        # When each reservation began. One that a fork or a dead event loop left behind counts for a
        # minute, as a spent one does.
        self._reserved: dict[object, float] = {}

    @property
    def retry_after(self) -> int | None:
        """Whole seconds until the next unknown key may be looked up; ``None`` if one may now."""
        past = self._monotonic() - MINUTE
        spent = [moment for moment in self._spent.copy() if moment > past]
        reserved = sum(moment > past for moment in list(self._reserved.values()))
        if len(spent) + reserved < self._per_minute:
            return None
        # Reservations may be given back at any moment.
        return max(1, math.ceil(spent[0] - past)) if len(spent) >= self._per_minute else 1

    @contextmanager
    def reserve(self) -> Iterator[Callable[[], None]]:
        """Reserve one look-up until the block ends; call what it gives if the key is not good."""
        reservation = object()
        self._reserved[reservation] = self._monotonic()
        try:
            yield lambda: self._spent.append(self._monotonic())
        finally:
            self._reserved.pop(reservation, None)
