"""``Retry-After``: for how long a server that is busy asks to be left alone.

Source: RFC 9110, section 10.2.3 (seconds, or an HTTP date).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds that an answer asks for; 0 where it asks for none, or for no time at all.

    Args:
        headers: of the answer. A date is compared with the answer's own ``Date``, so that the two
            clocks need not agree.

    Example:
        >>> retry_after({"retry-after": "120"}), retry_after({"retry-after": "soon"})
        (120.0, 0.0)
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    until = _timestamp(value)
    if until is None:
        return 0.0
    now = _timestamp(headers.get("date", ""))
    return max(0.0, until - (time.time() if now is None else now))


def _timestamp(value: str) -> float | None:
    try:
        moment: datetime = parsedate_to_datetime(value)
        # An HTTP date is in GMT, whatever it says.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
