"""A key server on a loopback socket, down to its bytes: in order, or broken in a chosen way.

Nothing stands between it and the guard: the name is looked up, the connection opened, TLS spoken
and the answer read as in production. It counts connections, and knows which are still open.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from tests.attack.faults.name_service import Lookup, NameService
from tests.mint import SigningKey, jwks


@dataclass
class Peer:
    """A client that has connected.

    Attributes:
        number: how many came before it since the site began to answer as it does.
        keys: the body of a good answer.
        targets: what clients have asked for.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    keys: bytes
    targets: list[str]

    async def request(self) -> None:
        """Hear out what the client wants."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.targets.append(head.split(b" ")[1].decode())

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def leave(self) -> None:
        """Say that nothing more comes, where that can be said, and wait for the client to go."""
        if self.writer.can_write_eof() and not self.writer.transport.is_closing():
            self.writer.write_eof()
        await self.gone(within=10)

    async def gone(self, within: float | None = None) -> bool:
        """Wait for the client to hang up, and tell whether it did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while await self.reader.read(1024):
                    pass
                return True
        return False

    def reset(self) -> None:
        """Break the connection off, so that the client is told of a reset."""
        peer = self.writer.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Answer = Callable[[Peer], Awaitable[None]]


def response(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return the bytes of an answer; a header that is given as "" is left out."""
    usual = {"content-type": "application/json", "content-length": str(len(body))}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in {**usual, **given}.items() if value]
    start = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"
    return "\r\n".join([start, *lines, "connection: close", "", ""]).encode() + body


async def good(peer: Peer) -> None:
    """Give the keys."""
    await peer.request()
    await peer.send(response(200, peer.keys))


class KeySite:
    """Where an issuer's keys lie: a name, a port, perhaps a certificate, and an answer.

    Args:
        key: the key that it publishes.
        names: the resolver that knows it.
        host: what the guard calls it.
        tls: the server's end of TLS, where it speaks https.
    """

    def __init__(
        self,
        key: SigningKey,
        names: NameService,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.tls = tls
        self.connections = 0
        self.open = 0
        self.targets: list[str] = []
        self._keys = json.dumps(jwks(key)).encode()
        self._names = names
        self._good_tls = tls
        self._place = _bound(0)
        self._port: int = self._place.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self._port}"
        self._listening: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.behave(good)

    async def __aenter__(self) -> Self:
        self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._names.faults.pop(self._port, None)
        self.refuse()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._place.close()

    def behave(self, answer: Answer) -> None:
        """Answer in this way from now on."""
        self._answer = answer
        self._former = self.connections

    def refuse(self) -> None:
        """Listen no more; the port stays taken, so that nobody else gets the connections."""
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None

    def lose_name(self, lookup: Lookup) -> None:
        """Let lookups of the name end in this way."""
        self._names.faults[self._port] = lookup

    def mend(self) -> None:
        """Be in order from now on."""
        self._names.faults.pop(self._port, None)
        self.tls = self._good_tls
        self.behave(good)
        if self._listening is None:
            listener = _bound(self._port)
            listener.listen()
            self._listening = self._start(self._listen(listener))
            self._listening.add_done_callback(lambda _: listener.close())

    async def _listen(self, listener: socket.socket) -> None:
        while True:
            peer, _ = await asyncio.get_running_loop().sock_accept(listener)
            self._start(self._serve(peer, self.connections - self._former))
            self.connections += 1
            self.open += 1

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _serve(self, peer: socket.socket, number: int) -> None:
        try:
            # The client may break off at any moment, which is its right.
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await _streams(peer, self.tls)
                client = Peer(reader, writer, number, self._keys, self.targets)
                try:
                    await self._answer(client)
                    await client.leave()
                finally:
                    writer.transport.abort()
        finally:
            self.open -= 1


def _bound(port: int) -> socket.socket:
    """Return a socket that holds a port, beside others that do."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.setblocking(False)
    bound.bind(("127.0.0.1", port))
    return bound


async def _streams(
    peer: socket.socket, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, peer, ssl=tls)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
