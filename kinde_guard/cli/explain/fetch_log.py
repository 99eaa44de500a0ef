"""Why keys could not be fetched: what the guard logs of it, kept out of the user's terminal."""

from __future__ import annotations

import logging
from typing import Self


class FetchLog(logging.Handler):
    """Listens to the guard's log inside a ``with`` block.

    Attributes:
        reason: why the last fetch failed, ``""`` if none did.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the reason of a failed fetch."""
        if isinstance(record.args, tuple) and len(record.args) > 1:
            self.reason = str(record.args[1])

    def __enter__(self) -> Self:
        logging.getLogger("kinde_guard.keys").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("kinde_guard.keys").removeHandler(self)
