"""Bytes to a server and its answers back, with nothing between that would tidy them up.

A ``Line`` keeps one connection to one server for as long as the server does, as a real client
would, so that a connection which the server drops is noticed by whoever speaks next.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from tests.attack.servers.house import INSIDE, PUBLIC

#: Asked on a connection to see whether it still works.
PROBE: Final = b"GET /open HTTP/1.1\r\nHost: house\r\n\r\n"
#: A masked close frame of a WebSocket: 1000.
GOODBYE: Final = b"\x88\x82\0\0\0\0\x03\xe8"
_LIMIT: Final = 2**22
_ABORT: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Reply:
    """One answer as it came; for a WebSocket with everything that followed the handshake."""

    status: int
    head: bytes
    body: bytes

    @property
    def inside(self) -> bool:
        """Whether the application answered, behind the guard."""
        return INSIDE.encode() in self.head + self.body

    @property
    def public(self) -> bool:
        return PUBLIC.encode() in self.head

    @property
    def by_application(self) -> bool:
        return self.inside or self.public or self.status == 101

    @property
    def refused_by_guard(self) -> bool:
        return self.status in {400, 401} and b"application/problem+json" in self.head

    @property
    def closes(self) -> bool:
        return b"\r\nconnection: close" in self.head.lower()


@dataclass
class Outcome:
    """What came of one case: the answers, and whether the connection outlived it.

    ``kept`` is ``None`` where it was not tried, or could not be told.
    """

    replies: list[Reply] = field(default_factory=list)
    kept: bool | None = None
    silent: bool = False

    @property
    def statuses(self) -> list[int]:
        return [reply.status for reply in self.replies]

    def __str__(self) -> str:
        kept = {True: "kept", False: "dropped", None: "-"}[self.kept]
        by = [
            "inside" if reply.inside else "guard" if reply.refused_by_guard else "server"
            for reply in self.replies
        ]
        said = ", ".join(f"{status} {who}" for status, who in zip(self.statuses, by, strict=True))
        return f"[{said}] {kept}{' silent' if self.silent else ''}"


@dataclass(frozen=True)
class Speech:
    """What a client sends, and how it leaves.

    Attributes:
        pieces: sent one after the other.
        methods: of the requests to be answered, in order; empty: read whatever comes to the end.
        reusable: whether the connection can be used again afterwards.
        half_close: whether the client says that it has nothing more to say.
        abort: whether the client tears the connection down instead of reading.
    """

    pieces: tuple[bytes, ...]
    methods: tuple[bytes, ...] = (b"GET",)
    reusable: bool = True
    half_close: bool = False
    abort: bool = False


class Line:
    """A connection to one server, opened anew whenever it is gone."""

    def __init__(self, port: int, patience: float = 10.0) -> None:
        self._port = port
        self._patience = patience
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._last: Outcome | None = None

    async def speak(self, speech: Speech) -> Outcome:
        """Send it and hear the answers out; settle whether the connection had been kept before."""
        last, self._last = self._last, None
        reused = self._writer is not None
        outcome = await self._once(speech)
        if reused and not outcome.replies and not outcome.silent and not speech.abort:
            outcome = await self._once(speech)
            if outcome.replies and last is not None:
                last.kept = False
        elif reused and last is not None:
            last.kept = True
        self._last = outcome
        if not speech.reusable or self._writer is None:
            await self.hang_up()
        return outcome

    async def probe(self, outcome: Outcome) -> None:
        """Settle whether the connection was kept, by using it once more."""
        if self._writer is not None:
            answer = await self._once(Speech((PROBE,)))
            outcome.kept = answer.statuses == [200]

    async def hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()
        self._reader = self._writer = None

    async def _once(self, speech: Speech) -> Outcome:
        reader, writer = await self._connected()
        outcome = Outcome()
        try:
            async with asyncio.timeout(self._patience):
                await self._send(speech, writer)
                if not speech.abort:
                    await _hear(reader, speech.methods, outcome)
                if outcome.statuses == [101] and not speech.half_close:
                    writer.write(GOODBYE)
        except TimeoutError:
            outcome.silent = True
        except (OSError, asyncio.IncompleteReadError, ValueError):
            # The server has gone. What it had said before is in the outcome.
            pass
        complete = len(outcome.replies) == len(speech.methods) > 0
        if not complete or not speech.reusable or outcome.replies[-1].closes:
            if complete and speech.reusable:
                outcome.kept = False
            await self.hang_up()
        return outcome

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, limit=_LIMIT
            )
        return self._reader, self._writer

    async def _send(self, speech: Speech, writer: asyncio.StreamWriter) -> None:
        try:
            for piece in speech.pieces:
                writer.write(piece)
                await writer.drain()
                if len(speech.pieces) > 1:
                    # Another turn of the loop, so that the server mostly sees separate pieces.
                    await asyncio.sleep(0)
            if speech.half_close:
                writer.write_eof()
        except OSError:
            # It closed while we were speaking; it may still have answered.
            return
        if speech.abort:
            peer = writer.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)


async def _hear(reader: asyncio.StreamReader, methods: tuple[bytes, ...], outcome: Outcome) -> None:
    expected = list(methods)
    while expected or not methods:
        reply = await _reply(reader, expected[0] if expected else b"GET")
        if 100 <= reply.status < 200 and reply.status != 101:
            continue
        outcome.replies.append(reply)
        if expected:
            expected.pop(0)


async def _reply(reader: asyncio.StreamReader, method: bytes) -> Reply:
    head = await reader.readuntil(b"\r\n\r\n")
    version, _, rest = head.partition(b" ")
    if not version.startswith(b"HTTP/"):
        raise ValueError(head)
    status = int(rest[:3])
    if status == 101:
        return Reply(status, head, await _frames(reader))
    if method == b"HEAD" or status < 200 or status in {204, 304}:
        return Reply(status, head, b"")
    return Reply(status, head, await _body(reader, head.lower()))


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    if b"\r\ntransfer-encoding: chunked\r\n" in head:
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return body
    _, found, after = head.partition(b"\r\ncontent-length:")
    if found:
        return await reader.readexactly(int(after.partition(b"\r\n")[0]))
    return await reader.read(-1)


async def _frames(reader: asyncio.StreamReader) -> bytes:
    """Read the frames of a WebSocket up to the server's close."""
    heard = b""
    while b"\x88" not in heard:
        part = await reader.read(65_536)
        if not part:
            return heard
        heard += part
    return heard
