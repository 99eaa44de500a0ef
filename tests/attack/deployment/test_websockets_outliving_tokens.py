"""WebSockets that outlive their token, on real servers: closed with 3000, or open as ever."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from kinde_guard import ExpiredToken, KindeGuard
from tests.attack.deployment.commands import PATIENCE, until
from tests.attack.deployment.in_threads import SERVERS, serving
from tests.core.exchange import problem_of
from tests.mint import AUDIENCE, NOW, FrozenClock, LoopbackKeyServer, SigningKey, Tenant

END = NOW + 86_400 + 5
EVERY_SERVER = pytest.mark.parametrize("server", SERVERS)


async def pause(seconds: float) -> None:
    """Sleep in whichever event loop the server runs."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        await trio.sleep(seconds)
    else:
        await asyncio.sleep(seconds)


class Application:
    """WebSockets of every kind, and what became of each."""

    def __init__(self, issuer: str, clock: Callable[[], float], **settings: Any) -> None:
        self.ends: list[int] = []
        self.waiting = 0
        self.app = FastAPI()
        self.guard = KindeGuard(issuer, audience=AUDIENCE, clock=clock, **settings)
        self.guard.install(self.app)
        for kind in (self.echo, self.ticker, self.hesitant):
            self.app.websocket(f"/{kind.__name__}")(kind)

    async def echo(self, websocket: WebSocket) -> None:
        """Answer whatever comes."""
        await websocket.accept()
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnect as left:
            self.ends.append(left.code)

    async def ticker(self, websocket: WebSocket) -> None:
        """Send, and never listen; and let the exception go its way."""
        await websocket.accept()
        try:
            while True:
                await websocket.send_text("tick")
                await pause(0.005)
        except WebSocketDisconnect as left:
            self.ends.append(left.code)
            raise

    async def hesitant(self, websocket: WebSocket) -> None:
        """Wait for ages before it accepts."""
        self.waiting += 1
        message = await websocket.receive()
        while message["type"] != "websocket.disconnect":
            message = await websocket.receive()
        self.ends.append(message["code"])


@pytest.fixture
def tenant(key: SigningKey, keys: LoopbackKeyServer, clock: FrozenClock) -> Tenant:
    return Tenant(key, clock, issuer=keys.issuer)


@pytest.fixture
def closing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Application:
    # The clock of these tests is moved by hand, so it is looked at often.
    monkeypatch.setattr("kinde_guard.asgi.websocket_expiry.LONGEST_PAUSE", 0.01)
    return Application(tenant.issuer, tenant.clock, close_on_expiry=True)


@pytest.fixture(autouse=True)
def _no_error_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO)
    yield
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in errors] == []


@contextmanager
def opened(port: int, kind: str, token: str) -> Iterator[ClientConnection]:
    headers = {"Authorization": f"Bearer {token}"}
    url = f"ws://127.0.0.1:{port}/{kind}"
    with connect(url, additional_headers=headers, open_timeout=PATIENCE) as client:
        yield client


def end_of(client: ClientConnection) -> tuple[int, str] | None:
    """Hear a WebSocket out and return how it was closed, if it was in any orderly way."""
    try:
        while True:
            client.recv(PATIENCE)
    except ConnectionClosed as closed:
        return None if closed.rcvd is None else (closed.rcvd.code, closed.rcvd.reason)


@EVERY_SERVER
def test_idle_and_busy_websockets_are_closed_with_3000_and_their_applications_are_told(
    server: str, closing: Application, tenant: Tenant
) -> None:
    with serving(server, closing.app) as port:
        token = tenant.token()
        with opened(port, "echo", token) as idle, opened(port, "ticker", token) as busy:
            idle.send("hello")
            assert idle.recv(PATIENCE) == "hello"
            assert busy.recv(PATIENCE) == "tick"
            tenant.clock.now = END
            assert end_of(idle) == (3000, "The access token has expired.")
            assert end_of(busy) == (3000, "The access token has expired.")
        until(lambda: len(closing.ends) == 2)
        # 1006 is what Starlette tells an application whose send fails.
        assert sorted(closing.ends) == [1006, 3000]
        assert closing.guard.stats.rejected == {"expired_token": 2}

        with pytest.raises(InvalidStatus) as refused, opened(port, "echo", token):
            pass
        assert refused.value.response.status_code == 401
        with opened(port, "echo", tenant.token()) as again:
            again.send("fresh")
            assert again.recv(PATIENCE) == "fresh"
    # The last one was closed by its client, which each server tells in its own way.
    assert len(closing.ends) == 3
    assert closing.ends[2] != 3000


@EVERY_SERVER
def test_default_leaves_them_open(server: str, tenant: Tenant) -> None:
    application = Application(tenant.issuer, tenant.clock)
    with serving(server, application.app) as port, opened(port, "echo", tenant.token()) as client:
        tenant.clock.now = END + 1000
        client.send("still here")
        assert client.recv(PATIENCE) == "still here"
    assert application.guard.stats.rejected == {}


@EVERY_SERVER
def test_token_that_expires_before_the_application_accepts_is_a_401(
    server: str, closing: Application, tenant: Tenant
) -> None:
    with serving(server, closing.app) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/hesitant", headers=handshake(tenant.token()))
        until(lambda: closing.waiting == 1)
        tenant.clock.now = END
        answer = connection.getresponse()
        assert answer.status == 401
        assert answer.read() == json_of(ExpiredToken)
        connection.close()
        until(lambda: closing.ends == [3000])


@EVERY_SERVER
def test_client_that_never_answers_the_close_does_not_keep_the_application(
    server: str, closing: Application, tenant: Tenant
) -> None:
    with serving(server, closing.app) as port, socket.create_connection(("127.0.0.1", port)) as raw:
        lines = [f"{name}: {value}" for name, value in handshake(tenant.token()).items()]
        raw.sendall("\r\n".join(["GET /echo HTTP/1.1", "Host: x", *lines, "", ""]).encode())
        assert b" 101 " in raw.recv(1000).splitlines()[0]
        tenant.clock.now = END
        until(lambda: closing.ends == [3000])


# hypercorn on asyncio waits for open WebSockets without end since Python 3.12, guarded or not.
STOPPING = [name for name in SERVERS if name != "hypercorn-asyncio" or sys.version_info < (3, 12)]


@pytest.mark.parametrize("server", STOPPING)
def test_server_that_stops_while_websockets_are_watched_stops_in_good_order(
    server: str, closing: Application, tenant: Tenant
) -> None:
    with ExitStack() as held:
        with serving(server, closing.app) as port:
            client = held.enter_context(opened(port, "echo", tenant.token()))
        # Each server has its own way of closing what is open.
        assert (end_of(client) or (0, ""))[0] != 3000
    assert closing.guard.stats.rejected == {}


@pytest.mark.parametrize("server", ["uvicorn-sansio", "hypercorn-trio"])
def test_clock_of_the_wall_closes_without_being_looked_at(
    server: str, keys: LoopbackKeyServer, key: SigningKey
) -> None:
    application = Application(keys.issuer, time.time, close_on_expiry=True, leeway=0)
    tenant = Tenant(key, FrozenClock(int(time.time())), issuer=keys.issuer)
    with serving(server, application.app) as port:
        expires = end_of_the_first_that_opens(port, tenant)
        assert time.time() >= expires
    assert application.ends == [3000]


def end_of_the_first_that_opens(port: int, tenant: Tenant) -> float:
    """Wait for the end of a WebSocket whose token lives as briefly as this machine allows."""
    for seconds in (1, 5, 25):
        expires = time.time() + seconds
        with suppress(InvalidStatus), opened(port, "echo", tenant.token(exp=expires)) as client:
            assert end_of(client) == (3000, "The access token has expired.")
            return expires
    raise AssertionError("no WebSocket could be opened in 25 s")


def handshake(token: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {token}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
    }


def json_of(error: type[ExpiredToken]) -> bytes:
    return json.dumps(problem_of(error)).encode()
