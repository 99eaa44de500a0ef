"""Hosts that give a process the processor only while a request is under way, as a test plays them.

A test advances the clock while its event loop waits, as such a loop meets it; ``fresh_loop``
is a host that makes an event loop for each request. The key server can leave a fetch unanswered, as
one is whose process was stopped in the middle of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from kinde_guard import KeysUnavailable, RemoteKeySet, UnknownKey
from tests.mint import FrozenClock, KeyServer

TIMEOUT = 5.0
MAX_AGE = 600.0


class HangingServer(KeyServer):
    """A key server that leaves as many of the next fetches unanswered as it is told."""

    def __init__(self, *keys: Any) -> None:
        super().__init__(*keys)
        self.unanswered = 0

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        if self.unanswered:
            self.unanswered -= 1
            await asyncio.Event().wait()
        return await super()._respond(request)


def key_set(server: KeyServer, monotonic: FrozenClock, **settings: Any) -> RemoteKeySet:
    """Return a key set with the settings of this module."""
    given = {"timeout": TIMEOUT, "max_age": MAX_AGE, "http_client": server.client(), **settings}
    return RemoteKeySet(server.url, monotonic=monotonic, **given)


async def verdict(keys: RemoteKeySet, kid: str) -> str:
    """Return ``let in``, or the reason of the rejection, within a second of real time."""
    try:
        async with asyncio.timeout(1):
            await keys.find(kid)
    except (UnknownKey, KeysUnavailable) as error:
        return error.reason
    return "let in"


def fresh_loop(work: Callable[[], Awaitable[str]]) -> str:
    """Serve one request in an event loop of its own, which ends with it."""

    async def serve() -> str:
        return await work()

    return asyncio.run(serve())
