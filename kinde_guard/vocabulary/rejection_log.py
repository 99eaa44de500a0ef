"""One log line per rejection, of bounded length and at a bounded rate.

A line is ``401 expired_token GET /users client=… token=…``, with only the parts that are known. All
characters besides visible ASCII are escaped, spaces and backslashes too, so a caller can neither
end a line nor write a field of its own.

Up to 20 lines are written in the second that begins with the first of them. Further rejections are
counted by reason and summed up in one line, which is written at the next rejection after that
second, or by ``flush``: there is no timer, since an idle process should stay idle.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

logger = logging.getLogger("kinde_guard.refusals")

LINES_PER_SECOND = 20

_MAX_METHOD, _MAX_PATH, _MAX_ID = 20, 200, 100


class RejectionLog:
    """Writes rejections to the logger ``kinde_guard.refusals``, at level INFO.

    Args:
        monotonic: seconds.
    """

    __slots__ = ("_lines", "_monotonic", "_suppressed", "_window_start")

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._window_start: float | None = None
        self._lines = 0
        self._suppressed: dict[str, int] = {}

    @property
    def is_enabled(self) -> bool:
        """Whether its logger takes lines."""
        return logger.isEnabledFor(logging.INFO)

    def write(
        self,
        status: int,
        reason: str,
        method: str | None,
        path: str | None,
        client_id: str | None = None,
        token_id: str | None = None,
        note: str | None = None,
    ) -> None:
        """Write the line of a rejection, or count it if there were too many in this second."""
        if self.is_enabled and self._may_write(reason):
            logger.info(rejection_line(status, reason, method, path, client_id, token_id, note))

    def flush(self) -> None:
        """Write the line that sums up what was only counted, if anything was."""
        suppressed, self._suppressed = self._suppressed, {}
        if suppressed:
            logger.info(self._summary(suppressed))

    def _may_write(self, reason: str) -> bool:
        now = self._monotonic()
        if self._window_start is None or not 0 <= now - self._window_start < 1:
            self.flush()
            self._window_start, self._lines = now, 0
        if self._lines < LINES_PER_SECOND:
            self._lines += 1
            return True
        self._suppressed[reason] = self._suppressed.get(reason, 0) + 1
        return False

    def _summary(self, suppressed: dict[str, int]) -> str:
        by_count = sorted(suppressed.items(), key=lambda item: (-item[1], item[0]))
        listed = ", ".join(f"{reason} {count}" for reason, count in by_count)
        total = sum(suppressed.values())
        return f"and {total} more rejections in {self._when()}: {listed}"

    def _when(self) -> str:
        start = self._window_start
        age = 0.0 if start is None else self._monotonic() - start
        return "the last second" if age < 3 else f"one second, {age:.0f} s ago"


def rejection_line(
    status: int,
    reason: str,
    method: str | None,
    path: str | None,
    client_id: str | None = None,
    token_id: str | None = None,
    note: str | None = None,
) -> str:
    r"""Return the log line of a rejection; parts that are ``None`` are left out.

    Example:
        >>> rejection_line(401, "expired_token", "GET", "/users", client_id="7cf6")
        '401 expired_token GET /users client=7cf6'
        >>> rejection_line(401, "missing_token", "GET", "/a b\n")
        '401 missing_token GET /a\\x20b\\x0a'
    """
    parts = [
        str(status),
        reason,
        _escaped("", method, _MAX_METHOD),
        _escaped("", path, _MAX_PATH),
        _escaped("client=", client_id, _MAX_ID),
        _escaped("token=", token_id, _MAX_ID),
        f"({note})" if note else "",
    ]
    return " ".join(part for part in parts if part)


def _escaped(label: str, value: str | None, limit: int) -> str:
    if value is None:
        return ""
    shown = "".join(map(_escaped_character, value[:limit]))
    return f"{label}{shown}..." if len(value) > limit else f"{label}{shown}"


def _escaped_character(character: str) -> str:
    code = ord(character)
    if 0x21 <= code <= 0x7E and character != "\\":
        return character
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
