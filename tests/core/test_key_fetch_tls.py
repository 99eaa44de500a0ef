"""A fetch of keys that ends in the middle of the TLS handshake leaves no connection open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kinde_guard import KeysUnavailable, RemoteKeySet

pytestmark = pytest.mark.anyio

#: The first byte of what a TLS client says.
TLS_HANDSHAKE = b"\x16"
#: Longer than anything here takes.
PATIENCE = 5.0


@asynccontextmanager
async def silent_server() -> AsyncIterator[tuple[str, asyncio.Queue[str]]]:
    """Take connections, say nothing, and tell when a client begins to speak and when it is gone."""
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1) == TLS_HANDSHAKE:
            heard.put_nowait("hello")
        await reader.read()
        heard.put_nowait("gone")
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks", heard


async def test_time_limit_in_the_handshake_closes_the_connection() -> None:
    async with silent_server() as (url, heard):
        keys = RemoteKeySet(url, timeout=0.3)
        with pytest.raises(KeysUnavailable):
            await keys.refresh()
        assert await asyncio.wait_for(heard.get(), PATIENCE) == "hello"
        assert await asyncio.wait_for(heard.get(), PATIENCE) == "gone"


async def test_closing_the_key_set_in_the_handshake_closes_the_connection() -> None:
    async with silent_server() as (url, heard):
        keys = RemoteKeySet(url, timeout=60)
        waiting = asyncio.ensure_future(keys.refresh())
        assert await asyncio.wait_for(heard.get(), PATIENCE) == "hello"
        await keys.aclose()
        with pytest.raises(KeysUnavailable):
            await waiting
        assert await asyncio.wait_for(heard.get(), PATIENCE) == "gone"
