"""A resolver that fails for chosen ports: stands before the system's, where asyncio asks it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

#: Seconds after which a silent resolver gives up, as real ones do; longer than any fetch here.
PATIENCE = 1.2

Lookup = Callable[[], None]


def not_found() -> None:
    """Answer that there is no such name."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def silent() -> None:
    """Let the caller wait, and answer nothing in the end."""
    time.sleep(PATIENCE)
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


class NameService:
    """Knows one host, 127.0.0.1, under any name, unless the port that is asked for is faulty."""

    def __init__(self) -> None:
        self.faults: dict[int, Lookup] = {}

    def __call__(self, host: str, port: int | str, *rest: Any, **more: Any) -> list[Any]:
        fault = self.faults.get(int(port or 0))
        if fault is not None:
            fault()
        return self._system("127.0.0.1", port, *rest, **more)

    @contextmanager
    def answering(self) -> Iterator[NameService]:
        """Answer all of this process's lookups."""
        self._system = socket.getaddrinfo
        with mock.patch.object(socket, "getaddrinfo", self):
            yield self
