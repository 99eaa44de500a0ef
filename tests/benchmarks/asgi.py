"""Requests as a server hands them to an application, without the server.

What is timed is the application alone: no socket, no parsing of HTTP, no client.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Scope

PATH = "/users"


class UnexpectedAnswer(Exception):
    """An application answered otherwise than expected, so its time would mean nothing."""


def request(token: str | None, path: str = PATH) -> Scope:
    """Return the scope of one GET request, with a bearer token or without."""
    headers = [(b"host", b"api.acme.com"), (b"user-agent", b"benchmark"), (b"accept", b"*/*")]
    if token is not None:
        headers.append((b"authorization", b"Bearer " + token.encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "state": {},
    }


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


@dataclass
class Traffic:
    """The next requests for one application; called, it serves and times them one by one.

    A request is made just before it is served, as by a server, and that is not timed. What counts
    is the median request, which no hiccup of the machine reaches; or the mean, where the requests
    differ and the dear ones must count.
    """

    app: ASGIApp
    expected: int = 200
    path: str = PATH
    tokens: Sequence[str | None] = (None,)
    average: Callable[[Sequence[float]], float] = statistics.median

    async def __call__(self) -> float:
        """Return the microseconds of the average request."""
        answered: set[int] = set()

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.add(message["status"])

        app = self.app
        taken: list[int] = []
        for token in self.tokens:
            scope = request(token, self.path)
            started = time.perf_counter_ns()
            await app(scope, receive, send)
            taken.append(time.perf_counter_ns() - started)
        if answered != {self.expected}:
            raise UnexpectedAnswer(f"expected {self.expected}, got {sorted(answered)}")
        return self.average(taken) / 1e3


async def status(app: ASGIApp, token: str | None, path: str = PATH) -> int:
    """Return the status of the answer to one request."""
    statuses = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(request(token, path), receive, send)
    return int(statuses[0])
