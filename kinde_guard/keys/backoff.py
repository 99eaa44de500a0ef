"""The pause after a failed fetch: 1 s, then 2, 4, 8 and so on up to 60 s, or what the server asks.

A server that answers 429 or 503 with ``Retry-After`` is left alone for as long as it asks: up to an
hour where keys in hand serve meanwhile, else up to 300 s.
"""

from __future__ import annotations

import math
import random
from typing import Final

MAX_RETRY_DELAY: Final = 60.0
"""Seconds: the longest pause between two attempts of an outage."""

MAX_ASKED_WITH_KEYS: Final = 3_600.0
MAX_ASKED_WITHOUT_KEYS: Final = 300.0
"""Seconds that a server may ask for."""


class Backoff:
    """When the next attempt may be made.

    Attributes:
        failures: how many attempts failed since the last success.
    """

    __slots__ = ("_delay", "_failed_at", "failures")

    def __init__(self) -> None:
        self.failures = 0
        self._delay = 0.0
        self._failed_at = -math.inf

    def failed(self, now: float, asked: float) -> None:
        """Begin a pause.

        Args:
            now: seconds, on the clock of ``left``.
            asked: seconds for which the server asked; 0 if it did not.
        """
        delay = min(MAX_RETRY_DELAY, 2.0 ** min(self.failures, 10))
        if self.failures:
            # Spread the retries of a fleet whose processes all lost the issuer at one moment.
            delay *= random.uniform(0.8, 1.0)  # noqa: S311 - no secret
        self.failures += 1
        self._failed_at, self._delay = now, max(delay, min(asked, MAX_ASKED_WITH_KEYS))

    def succeeded(self) -> None:
        """End the pause."""
        self.failures, self._delay = 0, 0.0

    def left(self, now: float, *, has_keys: bool) -> float:
        """Return the seconds that are left of the pause; 0 if it is over.

        Args:
            now: seconds.
            has_keys: whether keys in hand serve meanwhile.
        """
        delay = self._delay if has_keys else min(self._delay, MAX_ASKED_WITHOUT_KEYS)
        passed = now - self._failed_at
        # A clock that was set back tells nothing of the time that passed.
        return max(0.0, delay - passed) if passed >= 0 else 0.0
