"""The tenant's key set on loopback, in a process that is no API's: counted, and faulty on demand.

Every fetch is written down with the process that made it and the time at which it came, so that
"one fetch a process and refresh" is counted and not believed.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

from tests.mint import SigningKey, jwks

State = Literal["good", "slow", "down", "rotating"]

SLOW: Final = 2.0
"""Seconds that a slow key set takes."""


@dataclass(frozen=True)
class Fetch:
    """One request for the key set: who made it, when it came, and when it was over."""

    process: str
    began: float
    ended: float


@dataclass
class KeyServer:
    """Serves a key set until ``running`` ends.

    Args:
        keys: the tenant's keys. The first signs, except while they rotate: then each signs for one
            second of the wall clock, and is published from two seconds before that until one after.
    """

    keys: Sequence[SigningKey]
    state: State = "good"
    wall_clock: Callable[[], float] = time.time
    fetches: list[Fetch] = field(default_factory=list)
    began: int = 0
    url: str = ""

    def document(self) -> dict[str, Any]:
        """Return the key set as it is now."""
        if self.state != "rotating":
            return jwks(*self.keys)
        step = int(self.wall_clock())
        return jwks(*(self.keys[(step + ahead) % len(self.keys)] for ahead in (-1, 0, 1, 2)))

    def answer(self, process: str) -> bytes | None:
        """Return the body for one fetch, or ``None`` to hang up; takes as long as it should."""
        began = time.monotonic()
        self.began += 1
        if self.state == "slow":
            time.sleep(SLOW)
        body = None if self.state == "down" else json.dumps(self.document()).encode()
        self.fetches.append(Fetch(process, began, time.monotonic()))
        return body

    @contextmanager
    def running(self) -> Iterator[KeyServer]:
        """Serve on a free loopback port."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}/.well-known/jwks"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(keys: KeyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            process = parse_qs(urlsplit(self.path).query).get("process", [""])[0]
            body = keys.answer(process)
            if body is None:
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            # A guard that is closed meanwhile does not wait for its keys.
            with suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited
            """Keep the terminal for the figures."""

    return Handler


@dataclass(frozen=True)
class FetchCount:
    """How often the key set was fetched.

    Attributes:
        fetches: all of them.
        processes: how many processes fetched.
        at_once: the most that one process had under way at a moment.
        closest: seconds between the two nearest fetches of one process; ``None`` without two.
    """

    fetches: int
    processes: int
    at_once: int
    closest: float | None


def count(fetches: Sequence[Fetch]) -> FetchCount:
    """Count fetches by process."""
    by_process: dict[str, list[Fetch]] = {}
    for fetch in sorted(fetches, key=lambda fetch: fetch.began):
        by_process.setdefault(fetch.process, []).append(fetch)
    pauses = [
        later.began - earlier.began
        for made in by_process.values()
        for earlier, later in pairwise(made)
    ]
    return FetchCount(
        fetches=len(fetches),
        processes=len(by_process),
        at_once=max((_at_once(made) for made in by_process.values()), default=0),
        closest=min(pauses, default=None),
    )


def _at_once(fetches: Sequence[Fetch]) -> int:
    return max(
        sum(other.began <= fetch.began < other.ended for other in fetches) for fetch in fetches
    )
