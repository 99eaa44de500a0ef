"""A key server on a real socket that rotates its keys, and fails a third of the time."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from tests.mint import SigningKey, jwks

#: Of so many fetches so many go wrong, in any order; so often a good one is slow.
OF, FAIL = 9, 3
SLOW: Final = 1 / 4

_Fault = Callable[[bytes], bytes]
#: What comes instead of the key set; the connection is closed after it in any case.
_FAULTS: Final[tuple[_Fault, ...]] = (
    lambda body: b"",
    lambda body: _answer(500, b"fault on demand"),
    lambda body: _answer(200, body)[:-10],
    lambda body: _answer(200, body[:-10]),
    lambda body: _answer(200, b"<html>maintenance</html>"),
    lambda body: _answer(200, b'{"keys":[]}'),
    lambda body: _answer(302, b"", b"Location: http://127.0.0.1:1/\r\n"),
    lambda body: b"\x00\x01\x02 no HTTP at all",
)


def _answer(status: int, body: bytes, more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n" % (status, len(body))
    return head + more + b"\r\n" + body


class FlakyKeyServer:
    """Serves what is published, when it does.

    Attributes:
        fetches: how many were answered or failed.
        failures: how many of them failed.
        served: the key ids of the last good answer.
    """

    def __init__(self, chance: random.Random) -> None:
        self.fetches = 0
        self.failures = 0
        self.served: frozenset[str] = frozenset()
        self.issuer = ""
        self._chance = chance
        self._keys: Sequence[SigningKey] = ()
        self._reliable = True
        self._fates: list[bool] = []

    @property
    def published(self) -> frozenset[str]:
        return frozenset(key.kid for key in self._keys)

    def publish(self, keys: Sequence[SigningKey]) -> None:
        self._keys = tuple(keys)

    def fail_from_now_on(self) -> None:
        """Begin to fail; until then every fetch is good, so that the soak starts with keys."""
        self._reliable = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(await self._reply())
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def _reply(self) -> bytes:
        self.fetches += 1
        if not self._reliable and self._fails():
            self.failures += 1
            return self._chance.choice(_FAULTS)(json.dumps(jwks(*self._keys)).encode())
        if self._chance.random() < SLOW:
            await asyncio.sleep(self._chance.uniform(0.01, 0.3))
        self.served = self.published
        return _answer(200, json.dumps(jwks(*self._keys)).encode())

    def _fails(self) -> bool:
        if not self._fates:
            self._fates = [number < FAIL for number in range(OF)]
            self._chance.shuffle(self._fates)
        return self._fates.pop()
