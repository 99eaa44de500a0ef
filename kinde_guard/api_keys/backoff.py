"""When Kinde may be asked again after it did not answer.

After a failure nothing is asked for 1 s, then 2, 4, 8 and so on up to 60 s, or as long as Kinde
itself asks for, up to 300 s. When that is over, one look-up at a time tries, until one is answered.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

MAX_DELAY = 60.0
MAX_DELAY_ASKED_FOR = 300.0


class Backoff:
    """The state of an outage.

    Args:
        timeout: seconds that a try may take.
        monotonic: the clock, in seconds.

    Example:
        >>> backoff = Backoff(5, lambda: 0.0)
        >>> backoff.failed(backoff.begin(), None)
        1.0
        >>> backoff.retry_after
        1
    """

    def __init__(self, timeout: float, monotonic: Callable[[], float]) -> None:
        self._timeout = timeout
        self._monotonic = monotonic
        self._failures = 0
        self._retry_at = -math.inf

    @property
    def retry_after(self) -> int | None:
        """Whole seconds until Kinde may be asked again; ``None`` if it may be now."""
        pause = self._retry_at - self._monotonic()
        return max(1, math.ceil(pause)) if pause > 0 else None

    def begin(self) -> int:
        """Note that a look-up starts; return what tells it from those of other outages."""
        if self._failures:
            # A lease: the others wait for the outcome of this one, but not for ever.
            self._retry_at = self._monotonic() + self._timeout
        return self._failures

    def answered(self) -> None:
        """Note that Kinde answered."""
        self._failures, self._retry_at = 0, -math.inf

    def failed(self, begun: int, asked_for: float | None) -> float:
        """Note that a look-up has no answer; return the seconds until the next.

        Args:
            begun: what ``begin`` returned for it.
            asked_for: seconds that Kinde asked to be left alone; ``None`` if it did not.
        """
        # Look-ups that were under way together are one failure.
        is_first = begun == self._failures
        if is_first:
            self._failures += 1
        delay = max(self._delay(), min(asked_for or 0.0, MAX_DELAY_ASKED_FOR))
        retry_at = self._monotonic() + delay
        self._retry_at = retry_at if is_first else max(self._retry_at, retry_at)
        return delay

    def _delay(self) -> float:
        delay = min(MAX_DELAY, 2.0 ** min(self._failures - 1, 10))
        if self._failures > 1:
            # Spread the retries of a fleet whose processes all failed at one moment.
            delay *= random.uniform(0.8, 1.0)  # noqa: S311 - no secret
        return delay
