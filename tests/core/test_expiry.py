"""``close_on_expiry``: a WebSocket ends with its token, for its client and for its application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup
from fastapi import Depends, FastAPI, WebSocket
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from kinde_guard import (
    ConfigurationError,
    ExpiredToken,
    InsufficientScope,
    KindeGuard,
    KindeGuardMiddleware,
)
from tests.core.conftest import MakeGuard
from tests.core.exchange import PATIENCE, bearer, check_refusal, conversation_of, http_scope
from tests.mint import NOW, FrozenClock, Tenant

pytestmark = pytest.mark.anyio

LEEWAY = 5
#: The first moment at which a token of the tenant, made at ``NOW``, is expired.
END = NOW + 86_400 + LEEWAY
CLOSE = {"type": "websocket.close", "code": 3000, "reason": "The access token has expired."}
DISCONNECT = {**CLOSE, "type": "websocket.disconnect"}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Every test here holds in both event loops."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    # The clock of these tests is moved by hand, so it is looked at often.
    monkeypatch.setattr("kinde_guard.asgi.websocket_expiry.LONGEST_PAUSE", 0.002)


class Peer:
    """A server and its client: what the client sends, and what the application sent."""

    def __init__(self, *, denial: bool = True) -> None:
        self.sent: list[Message] = []
        self.denial = denial
        self._incoming: list[Message] = []
        self._news = anyio.Event()
        self.says({"type": "websocket.connect"})

    def says(self, message: Message | str) -> None:
        text = {"type": "websocket.receive", "text": message}
        self._incoming.append(text if isinstance(message, str) else message)
        self._news.set()

    async def receive(self) -> Message:
        while not self._incoming:
            self._news = anyio.Event()
            await self._news.wait()
        return self._incoming.pop(0)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def kinds(self) -> list[str]:
        return [message["type"].removeprefix("websocket.") for message in self.sent]

    def scope(self, token: str | None, path: str = "/feed") -> Scope:
        headers = bearer(token) if token is not None else {}
        extensions: dict[str, Any] = {"websocket.http.response": {}} if self.denial else {}
        scope = http_scope("GET", path, headers, subprotocols=[], extensions=extensions)
        return {**scope, "type": "websocket", "scheme": "wss"}


@pytest.fixture
async def peer() -> Peer:
    return Peer()


@pytest.fixture
def make(make_guard: MakeGuard) -> Callable[..., ASGIApp]:
    """Put a guard that closes on expiry before an ASGI application."""

    def wrap(app: ASGIApp, **settings: Any) -> KindeGuardMiddleware:
        guard = make_guard(**{"close_on_expiry": True, **settings})
        return KindeGuardMiddleware(app, guard=guard)

    return wrap


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(PATIENCE):
        while not condition():
            await anyio.sleep(0.001)


def names_of_tasks() -> set[str]:
    return {task.name or "" for task in anyio.get_running_tasks() if "kinde" in (task.name or "")}


WATCH = "kinde-guard expiry of a WebSocket"


def is_watched() -> bool:
    """Whether a WebSocket is watched: its token is verified, and no keys are fetched for it."""
    return names_of_tasks() == {WATCH}


@asynccontextmanager
async def serving(
    app: ASGIApp, peer: Peer, token: str | None, send: Send | None = None
) -> AsyncIterator[TaskGroup]:
    """Serve one WebSocket in the background; leaving waits until the application has ended."""

    async def serve() -> None:
        await app(peer.scope(token), peer.receive, send or peer.send)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve)
            yield tasks


class Echo:
    """A raw ASGI application that answers every text, and keeps what it received."""

    def __init__(self) -> None:
        self.received: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._note(receive)
        await send({"type": "websocket.accept"})
        while (message := await self._note(receive))["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})

    async def _note(self, receive: Receive) -> Message:
        self.received.append(await receive())
        return self.received[-1]


Make = Callable[..., KindeGuardMiddleware]


async def test_application_that_waits_is_told_and_the_client_is_closed_with_3000(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    echo = Echo()
    async with serving(make(echo), peer, tenant.token()):
        peer.says("hello")
        await until(lambda: "send" in peer.kinds)
        clock.now = END
    assert peer.kinds == ["accept", "send", "close"]
    assert peer.sent[-1] == CLOSE
    assert echo.received[-1] == DISCONNECT


async def test_one_moment_before_the_end_everything_passes(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async with serving(make(Echo()), peer, tenant.token()):
        await until(lambda: peer.kinds)
        clock.now = END - 0.001
        await anyio.sleep(0.01)
        peer.says("still here")
        await until(lambda: "send" in peer.kinds)
        peer.says({"type": "websocket.disconnect", "code": 1001})
    assert peer.kinds == ["accept", "send"]


async def test_leeway_of_zero_ends_at_exp(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async with serving(make(Echo(), leeway=0), peer, tenant.token(exp=NOW + 10)):
        await until(lambda: peer.kinds)
        clock.now = NOW + 10
    assert peer.sent[-1] == CLOSE


async def test_watch_sleeps_no_longer_than_the_token_lives(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kinde_guard.asgi.websocket_expiry.LONGEST_PAUSE", 3600)
    async with serving(make(Echo(), leeway=0), peer, tenant.token(exp=NOW + 0.02)):
        await until(lambda: peer.kinds)
        clock.now = NOW + 0.02
    assert peer.sent[-1] == CLOSE


async def test_message_that_comes_after_the_end_is_not_handed_over(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The watch sleeps on: the message itself brings the end to light.
    monkeypatch.setattr("kinde_guard.asgi.websocket_expiry.LONGEST_PAUSE", 3600)
    echo = Echo()
    async with serving(make(echo), peer, tenant.token()):
        await until(lambda: len(peer.kinds) == 1)
        clock.now = END
        peer.says("too late")
    assert [message["type"] for message in echo.received] == [
        "websocket.connect",
        "websocket.disconnect",
    ]
    assert peer.kinds == ["accept", "close"]


async def test_every_receive_after_the_end_gives_the_same_disconnect(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async def again(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        assert [await receive() for _ in range(3)] == [DISCONNECT] * 3

    async with serving(make(again), peer, tenant.token()):
        await until(lambda: peer.kinds)
        clock.now = END
    assert peer.kinds == ["accept", "close"]


@pytest.mark.parametrize("watched", [True, False])
async def test_application_that_only_sends_is_stopped_by_its_next_send(
    watched: bool,
    make: Make,
    peer: Peer,
    tenant: Tenant,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not watched:
        monkeypatch.setattr("kinde_guard.asgi.websocket_expiry.LONGEST_PAUSE", 3600)

    async def ticker(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "text": "tick"})
            await anyio.sleep(0.001)

    async with serving(make(ticker), peer, tenant.token()):
        await until(lambda: len(peer.kinds) > 3)
        clock.now = END
    assert peer.sent.index(CLOSE) == len(peer.sent) - 1


async def test_send_after_the_end_raises_an_os_error_that_holds_no_token(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    raised: list[OSError] = []

    async def sender(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        clock.now = END
        for message in ({"type": "websocket.send", "text": "x"}, {"type": "websocket.close"}):
            try:
                await send(message)
            except OSError as error:
                raised.append(error)

    async with serving(make(sender), peer, tenant.token()):
        pass
    assert [error.args for error in raised] == [("The access token has expired.",)] * 2
    assert peer.sent == [{"type": "websocket.accept"}, CLOSE]


@pytest.mark.parametrize("listens", [True, False])
async def test_fastapi_route_ends_as_if_the_client_had_left(
    listens: bool, make_guard: MakeGuard, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    app = FastAPI()
    make_guard(close_on_expiry=True).install(app)
    ended: list[int] = []

    @app.websocket("/feed")
    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                if listens:
                    await websocket.receive_text()
                await websocket.send_text("tick")
                await anyio.sleep(0.001)
        except WebSocketDisconnect as left:
            ended.append(left.code)
            raise

    async with serving(app, peer, tenant.token()):
        await until(lambda: "accept" in peer.kinds)
        clock.now = END
    # 1006 is what Starlette makes of an OSError, whatever the server says.
    assert ended == [3000 if listens else 1006]
    assert peer.sent[-1] == CLOSE


# --- who ends it first ---------------------------------------------------------------------------


async def test_client_that_leaves_before_is_told_nothing_afterwards(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    left: list[Message] = []

    async def lingering(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        left.append(await receive())
        clock.now = END
        await anyio.sleep(0.02)
        left.append(await receive())

    async with serving(make(lingering), peer, tenant.token()):
        peer.says({"type": "websocket.disconnect", "code": 1001})
        peer.says({"type": "websocket.disconnect", "code": 1001})
    assert left == [{"type": "websocket.disconnect", "code": 1001}] * 2
    assert peer.kinds == ["accept"]


async def test_application_that_closes_before_is_left_alone(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async def closing(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
        clock.now = END
        # Nobody is watched any more, however long the application goes on.
        await until(lambda: not names_of_tasks())

    middleware = make(closing)
    async with serving(middleware, peer, tenant.token()):
        pass
    assert peer.sent[-1] == {"type": "websocket.close", "code": 1000}
    assert middleware.guard.stats.rejected == {}


async def test_refusal_that_the_application_has_begun_is_finished(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async def denying(scope: Scope, receive: Receive, send: Send) -> None:
        head = {"type": "websocket.http.response.start", "status": 418, "headers": []}
        await send(head)
        clock.now = END
        await anyio.sleep(0.02)
        await send({"type": "websocket.http.response.body", "body": b"tea"})

    async with serving(make(denying), peer, tenant.token()):
        pass
    assert peer.kinds == ["http.response.start", "http.response.body"]
    assert peer.sent[0]["status"] == 418


# --- not accepted yet ----------------------------------------------------------------------------


async def never_accepting(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    assert await receive() == DISCONNECT
    await send({"type": "websocket.accept"})


async def test_end_before_it_was_accepted_is_a_401(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async with serving(make(never_accepting), peer, tenant.token()):
        await anyio.sleep(0.005)
        clock.now = END
    talk = conversation_of(peer.sent)
    assert talk.denial is not None
    check_refusal(talk.denial, ExpiredToken)
    assert peer.kinds == ["http.response.start", "http.response.body"]


async def test_end_before_it_was_accepted_closes_where_there_is_no_denial_response(
    make: Make, tenant: Tenant, clock: FrozenClock
) -> None:
    peer = Peer(denial=False)
    async with serving(make(never_accepting), peer, tenant.token()):
        await anyio.sleep(0.005)
        clock.now = END
    assert peer.sent == [CLOSE]


@pytest.mark.parametrize("accepts", [True, False])
async def test_end_before_the_application_has_asked_for_anything_is_no_error_of_its_own(
    accepts: bool, make_guard: MakeGuard, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async def slow() -> None:
        clock.now = END
        await until(lambda: len(peer.sent) == 2)

    app = FastAPI(dependencies=[Depends(slow)])
    make_guard(close_on_expiry=True).install(app)
    heard: list[Message] = []

    @app.websocket("/feed")
    async def feed(websocket: WebSocket) -> None:
        if accepts:
            await websocket.accept()
        heard.extend([await websocket.receive() for _ in range(2)])

    async with serving(app, peer, tenant.token()):
        pass
    talk = conversation_of(peer.sent)
    assert talk.denial is not None
    check_refusal(talk.denial, ExpiredToken)
    assert heard == ([] if accepts else [{"type": "websocket.connect"}, DISCONNECT])


@pytest.mark.parametrize("accepts", [True, False])
async def test_refusal_that_comes_too_late_is_told_to_nobody(
    accepts: bool, make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async def too_late(scope: Scope, receive: Receive, send: Send) -> None:
        if accepts:
            await send({"type": "websocket.accept"})
        clock.now = END
        await until(lambda: len(peer.sent) == 2)
        raise InsufficientScope(("read:users",))

    async with serving(make(too_late), peer, tenant.token()):
        pass
    kinds = ["accept", "close"] if accepts else ["http.response.start", "http.response.body"]
    assert peer.kinds == kinds


@pytest.mark.parametrize("started", [True, False])
async def test_refusal_that_comes_in_time_is_answered_or_raised_on_as_ever(
    started: bool, make: Make, peer: Peer, tenant: Tenant
) -> None:
    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        if started:
            await send({"type": "websocket.accept"})
        raise InsufficientScope(("read:users",))

    app = make(refusing)
    if started:
        with pytest.raises(InsufficientScope):
            await app(peer.scope(tenant.token()), peer.receive, peer.send)
        return
    await app(peer.scope(tenant.token()), peer.receive, peer.send)
    talk = conversation_of(peer.sent)
    assert talk.denial is not None
    check_refusal(talk.denial, InsufficientScope, required=["read:users"])


# --- what does not concern it --------------------------------------------------------------------


async def test_default_leaves_a_websocket_open_and_the_servers_receive_untouched(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    seen: list[object] = []

    async def idle(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        clock.now = END + 1000
        await anyio.sleep(0.02)
        await send({"type": "websocket.send", "text": "on and on"})
        seen.append(receive)

    async with serving(make(idle, close_on_expiry=False), peer, tenant.token()):
        pass
    assert peer.kinds == ["accept", "send"]
    assert seen == [peer.receive]


@pytest.mark.parametrize("presented", [True, False])
async def test_public_path_without_a_token_is_untouched_and_with_one_it_ends(
    presented: bool, make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async def idle(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        clock.now = END
        await anyio.sleep(0.05)

    app = make(idle, public_paths=["/feed"])
    async with serving(app, peer, tenant.token() if presented else None):
        pass
    assert peer.kinds == (["accept", "close"] if presented else ["accept"])


async def test_http_is_untouched(make: Make, tenant: Tenant) -> None:
    seen: list[object] = []

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(receive)

    peer = Peer()
    await make(note)(http_scope("GET", "/", bearer(tenant.token())), peer.receive, peer.send)
    assert seen == [peer.receive]


async def test_token_that_lives_for_ages_keeps_its_websocket(
    make: Make, peer: Peer, tenant: Tenant
) -> None:
    async with serving(make(Echo()), peer, tenant.token(exp=253_402_300_799)):
        peer.says("hello")
        await until(lambda: "send" in peer.kinds)
        peer.says({"type": "websocket.disconnect", "code": 1000})
    assert peer.kinds == ["accept", "send"]


# --- what goes wrong -----------------------------------------------------------------------------


async def test_error_of_the_application_is_not_hidden_by_the_end(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        clock.now = END
        await until(lambda: CLOSE in peer.sent)
        raise ValueError("of the application")

    with pytest.raises(ValueError, match="of the application"):
        await make(broken)(peer.scope(tenant.token()), peer.receive, peer.send)


async def test_disconnect_that_has_nothing_to_do_with_the_token_is_raised_on(
    make: Make, peer: Peer, tenant: Tenant
) -> None:
    async def leaving(scope: Scope, receive: Receive, send: Send) -> None:
        raise WebSocketDisconnect(1006)

    with pytest.raises(WebSocketDisconnect):
        await make(leaving)(peer.scope(tenant.token()), peer.receive, peer.send)


async def test_time_out_of_the_server_is_no_end(make: Make, peer: Peer, tenant: Tenant) -> None:
    async def receive() -> Message:
        if peer.sent:
            raise TimeoutError
        return await peer.receive()

    with pytest.raises(TimeoutError):
        await make(Echo())(peer.scope(tenant.token()), receive, peer.send)


async def test_server_that_cannot_send_the_close_any_more_does_not_matter(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async def send(message: Message) -> None:
        if message["type"] == "websocket.close":
            raise RuntimeError("the connection is gone")

    echo = Echo()
    async with serving(make(echo), peer, tenant.token(), send):
        await until(lambda: len(echo.received) == 1)
        clock.now = END
    assert echo.received[-1] == DISCONNECT


async def test_close_is_on_the_wire_before_the_server_is_told_that_the_application_has_ended(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async def slow_send(message: Message) -> None:
        if message["type"] == "websocket.close":
            await anyio.sleep(0.02)
        await peer.send(message)

    async def ending(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        clock.now = END
        with pytest.raises(OSError, match="expired"):
            await send({"type": "websocket.send", "text": "too late"})

    await make(ending)(peer.scope(tenant.token()), peer.receive, slow_send)
    assert peer.sent == [{"type": "websocket.accept"}, CLOSE]


# --- what is left --------------------------------------------------------------------------------


async def test_nothing_runs_on_after_a_websocket_that_ended_earlier(
    make: Make, peer: Peer, tenant: Tenant
) -> None:
    async with serving(make(Echo()), peer, tenant.token()):
        await until(is_watched)
        peer.says({"type": "websocket.disconnect", "code": 1000})
    assert names_of_tasks() == set()


async def test_nothing_runs_on_when_the_application_has_returned(
    make: Make, peer: Peer, tenant: Tenant
) -> None:
    async def brief(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await until(is_watched)

    await make(brief)(peer.scope(tenant.token()), peer.receive, peer.send)
    assert names_of_tasks() == set()


async def test_nothing_runs_on_after_the_end(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    async with serving(make(Echo()), peer, tenant.token()):
        await until(lambda: peer.kinds)
        clock.now = END
    assert names_of_tasks() == set()


async def test_cancelled_application_ends_at_once_and_leaves_nothing(
    make: Make, peer: Peer, tenant: Tenant
) -> None:
    async with serving(make(Echo()), peer, tenant.token()) as tasks:
        await until(lambda: peer.kinds)
        tasks.cancel_scope.cancel()
    await until(lambda: names_of_tasks() == set())
    assert peer.kinds == ["accept"]


async def test_server_that_takes_long_to_close_can_be_cancelled(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    closing = anyio.Event()
    release = anyio.Event()

    async def send(message: Message) -> None:
        if message["type"] == "websocket.close":
            closing.set()
            await release.wait()

    async with serving(make(Echo()), peer, tenant.token(), send) as tasks:
        await until(is_watched)
        clock.now = END
        await closing.wait()
        tasks.cancel_scope.cancel()
    release.set()
    await until(lambda: names_of_tasks() == set())


async def test_end_is_counted_once_as_an_expired_token(
    make: Make, peer: Peer, tenant: Tenant, clock: FrozenClock
) -> None:
    middleware = make(Echo())
    async with serving(middleware, peer, tenant.token()):
        await until(lambda: peer.kinds)
        clock.now = END
    assert middleware.guard.stats.rejected == {"expired_token": 1}
    assert middleware.guard.stats.verified == 1


@pytest.mark.parametrize("given", [1, 0, None, "yes"])
def test_setting_that_is_neither_true_nor_false_is_named(given: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^close_on_expiry: .* must be True or False"):
        KindeGuard("acme.kinde.com", audience="x", close_on_expiry=given)  # type: ignore[arg-type]
