"""The users API's WebSocket: who may listen, what arrives, and for how long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from examples.users_api import Change, relay
from kinde_guard.local import LocalKinde
from tests.examples.callers import ADA, Caller


def listen(url: str, token: str) -> ClientConnection:
    protocols = [Subprotocol("bearer"), Subprotocol(token)]
    return connect(url.replace("http", "ws", 1) + "/users/feed", subprotocols=protocols, proxy=None)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_listener_hears_every_change_and_who_made_it(
    url: str, kinde: LocalKinde, caller: Caller
) -> None:
    client_id = kinde.applications[0].client_id
    with listen(url, kinde.token(["read:users"])) as feed:
        assert feed.subprotocol == "bearer"
        caller.create(ADA)
        caller("PUT", "/users/1", json=ADA)
        caller("PUT", "/users/1/roles/admin")
        caller("DELETE", "/users/1/roles/admin")
        caller("DELETE", "/users/1")
        heard = [feed.recv(timeout=5) for _ in range(5)]
    events = ("created", "updated", "roles_changed", "roles_changed", "deleted")
    assert heard == [f'{{"event":"{event}","user_id":1,"by":"{client_id}"}}' for event in events]


def test_refused_change_is_not_heard(url: str, kinde: LocalKinde, caller: Caller) -> None:
    with listen(url, kinde.token(["read:users"])) as feed:
        assert caller("DELETE", "/users/7").status_code == 404
        assert caller("POST", "/users", json=ADA, scopes=["read:users"]).status_code == 403
        caller.create(ADA)
        assert '"created"' in str(feed.recv(timeout=5))


def test_listener_who_leaves_harms_nobody(url: str, kinde: LocalKinde, caller: Caller) -> None:
    with listen(url, kinde.token()) as stays:
        with listen(url, kinde.token()) as leaves:
            leaves.send("text is ignored")
            leaves.send(b"bytes too")
        caller.create(ADA)
        assert '"created"' in str(stays.recv(timeout=5))


def test_feed_ends_with_its_token(url: str, kinde: LocalKinde) -> None:
    with (
        listen(url, kinde.token(expires_in=1)) as feed,
        pytest.raises(ConnectionClosed) as closed,
    ):
        feed.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
        3000,
        "The access token has expired.",
    )


def test_listener_who_has_left_is_forgotten(app: FastAPI, url: str, kinde: LocalKinde) -> None:
    queues = app.state.changes._queues
    with listen(url, kinde.token()):
        wait_until(lambda: len(queues) == 1)
    wait_until(lambda: len(queues) == 0)


@pytest.mark.anyio
async def test_listener_who_leaves_while_a_change_is_sent_ends_the_relay() -> None:
    class Gone(WebSocket):
        async def send_text(self, data: str) -> None:
            raise WebSocketDisconnect(1006)

    nothing: Any = None
    queue: asyncio.Queue[Change] = asyncio.Queue()
    queue.put_nowait(Change(event="created", user_id=1, by=None))
    await relay(queue, Gone({"type": "websocket"}, nothing, nothing))
    assert queue.empty()


@pytest.mark.parametrize(
    ("scopes", "expires_in", "status"), [(["create:users"], 60, 403), (None, -60, 401)]
)
def test_wrong_token_may_not_listen(
    url: str, kinde: LocalKinde, scopes: list[str] | None, expires_in: int, status: int
) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        listen(url, kinde.token(scopes, expires_in=expires_in))
    assert refusal.value.response.status_code == status
    assert "www-authenticate" in refusal.value.response.headers
