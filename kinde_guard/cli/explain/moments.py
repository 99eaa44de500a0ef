"""Moments and spans as a person says them: ``3 min ago``, ``in 23 h``."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def span(seconds: float) -> str:
    """Return a length of time in its largest whole unit.

    Example:
        >>> span(200), span(86_399), span(0.2)
        ('3 min', '23 h', '0 s')
    """
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"


def relative(moment: float, now: float) -> str:
    """Return a moment as seen from now.

    Example:
        >>> relative(1_000, 1_180), relative(1_180, 1_000)
        ('3 min ago', 'in 3 min')
    """
    return f"{span(now - moment)} ago" if moment <= now else f"in {span(moment - now)}"


def absolute(moment: float) -> str:
    """Return a moment in UTC.

    Example:
        >>> absolute(0)
        '1970-01-01 00:00:00 UTC'
    """
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
