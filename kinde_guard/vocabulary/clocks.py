"""The clocks of this machine, looked up at each call.

A captured ``time.time`` would stay the real one where a test freezes time by replacing it.
"""

from __future__ import annotations

import time


def system_time() -> float:
    """Return the seconds since the epoch."""
    return time.time()


def monotonic_time() -> float:
    """Return the seconds of a clock that is never set back."""
    return time.monotonic()
