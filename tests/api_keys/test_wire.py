"""The verifier's own HTTP client against servers that misbehave on the wire."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from kinde_guard.api_keys import ApiKeys
from kinde_guard.vocabulary.errors import ApiKeysUnavailable
from tests.api_keys.kinde_api import KEY

pytestmark = pytest.mark.anyio

TRICKLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
HUGE = TRICKLE.replace(b"100", b"999999999") + b" " * 300_000
REDIRECT = b"HTTP/1.1 307 Moved\r\nLocation: /stolen\r\nContent-Length: 0\r\n\r\n"
TRUNCATED = TRICKLE + b"{"


class Server:
    """Accepts connections, sends ``answer`` and keeps them open, or closes them."""

    def __init__(self, listener: socket.socket) -> None:
        self.answer = b""
        self.closes = False
        self.paths: list[bytes] = []
        self.listener = listener
        self.port = listener.getsockname()[1]
        self._connections: list[socket.socket] = []

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            request = connection.recv(65_536)
            self.paths.append(request.split(b" ")[1] if b" " in request else b"")
            connection.sendall(self.answer)
            if self.closes:
                connection.close()

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


@pytest.fixture
def server() -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    with closing(server):
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_server_that_accepts_and_is_silent_is_given_up_after_the_timeout(
    server: Server, scheme: str
) -> None:
    bound = ApiKeys(domain=f"{scheme}://127.0.0.1:{server.port}", timeout=0.3).bind(
        "https://acme.kinde.com", None, time.monotonic
    )
    started = time.monotonic()
    with pytest.raises(ApiKeysUnavailable):
        await bound.verify(KEY)
    assert time.monotonic() - started < 3
    # A socket that was left open would be a warning here, and so an error.
    gc.collect()


@pytest.mark.parametrize("answer", [TRICKLE, HUGE, REDIRECT, TRUNCATED, b"", b"garbage\r\n\r\n"])
async def test_answer_that_breaks_off_or_leads_elsewhere_is_none(
    server: Server, answer: bytes
) -> None:
    server.answer, server.closes = answer, answer != HUGE
    bound = ApiKeys(timeout=3).bind(f"http://127.0.0.1:{server.port}", None, time.monotonic)
    with pytest.raises(ApiKeysUnavailable):
        await bound.verify(KEY)
    assert server.paths == [b"/api/v1/api_keys/verify"]


async def test_port_that_nothing_listens_on_is_an_outage(unused_port: Callable[[], int]) -> None:
    bound = ApiKeys().bind(f"http://127.0.0.1:{unused_port()}", None, time.monotonic)
    with pytest.raises(ApiKeysUnavailable):
        await bound.verify(KEY)


@pytest.fixture
def unused_port() -> Callable[[], int]:
    def port() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            number: int = listener.getsockname()[1]
            return number

    return port
