"""The tenant's clock, which can be moved and stopped: for the times in tokens, and what is past.

It shows what another clock shows, some seconds off, until it is frozen; then it stands still until
it is reset. Only this process sees it moved: a tenant in a file stores no time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import Lock


class Clock:
    """Epoch seconds. Calling it reads it; any thread may read and move it.

    Args:
        base: the clock that it follows.

    Example:
        >>> clock = Clock(lambda: 1_780_000_000)
        >>> clock.advance(3600)
        >>> clock()
        1780003600
        >>> clock.reset()
        >>> clock()
        1780000000
    """

    def __init__(self, base: Callable[[], float] = time.time) -> None:
        self._base = base
        self._lock = Lock()
        self._offset: float = 0
        self._stopped_at: float | None = None

    def __call__(self) -> float:
        """Return the time it shows."""
        with self._lock:
            return self._now()

    @property
    def offset(self) -> float:
        """Seconds by which it is ahead of the clock it follows; negative if it is behind."""
        with self._lock:
            return self._now() - self._base() if self.is_frozen else self._offset

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return self._stopped_at is not None

    def advance(self, seconds: float) -> None:
        """Move it by ``seconds``, back if they are negative. A frozen one stays frozen.

        Raises:
            ValueError: it would then show no time that a token can hold.
        """
        with self._lock:
            moved = _time(self._now() + seconds)
            if self._stopped_at is None:
                self._offset += seconds
            else:
                self._stopped_at = moved

    def freeze(self, at: float | None = None) -> None:
        """Make it stand still.

        Args:
            at: epoch seconds; None for the time it shows now.

        Raises:
            ValueError: that is no time that a token can hold.
        """
        with self._lock:
            self._stopped_at = self._now() if at is None else _time(at)

    def reset(self) -> None:
        """Show again what the clock shows that it follows."""
        with self._lock:
            self._offset, self._stopped_at = 0, None

    def _now(self) -> float:
        if self._stopped_at is not None:
            return self._stopped_at
        # An integer clock that was not moved stays one.
        return self._base() + self._offset


LATEST = 253_402_300_799
"""The last second of the year 9999, the last that most clients can show."""


def _time(seconds: float) -> float:
    if not (math.isfinite(seconds) and 0 <= seconds <= LATEST):
        raise ValueError(f"The clock can show the years 1970 to 9999; {seconds!r} is outside.")
    return seconds
