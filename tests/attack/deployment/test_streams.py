"""Answers that take long: streams, server-sent events, clients that leave, requests cancelled."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Message

from kinde_guard import KindeGuard, require_scopes
from tests.core.exchange import PATIENCE, bearer, call, eventually, http_scope, settle
from tests.mint import AUDIENCE, DOMAIN, FrozenClock, KeyServer, Tenant

pytestmark = pytest.mark.anyio


class PassOn(BaseHTTPMiddleware):
    """The dispatch function that does nothing, and costs a task group."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


@pytest.fixture
def guard(key_server: KeyServer, clock: FrozenClock) -> KindeGuard:
    client = key_server.client()
    return KindeGuard(DOMAIN, audience=AUDIENCE, clock=clock, http_client=client)


class Feed:
    """An application that streams server-sent events until the client leaves."""

    def __init__(self, guard: KindeGuard, *, wrapped: bool) -> None:
        self.app = FastAPI()
        self.under_way = 0
        self.ended = 0
        self.app.get("/events", dependencies=[Depends(require_scopes("read:users"))])(self.events)
        guard.install(self.app)
        if wrapped:
            self.app.add_middleware(PassOn)

    async def has_ended(self) -> None:
        """Wait for the end of every generator.

        Starlette leaves one that it does not want to hear any more to the garbage collector.
        """

        def none_is_under_way() -> bool:
            gc.collect()
            return self.under_way == 0

        await eventually(none_is_under_way)

    async def events(self, request: Request) -> StreamingResponse:
        return StreamingResponse(self._events(request), media_type="text/event-stream")

    async def _events(self, request: Request) -> AsyncIterator[str]:
        self.under_way += 1
        try:
            while True:
                yield f"data: {request.user.principal}\n\n"
                await asyncio.sleep(0.005)
        finally:
            self.under_way -= 1
            self.ended += 1


@pytest.fixture(params=[False, True], ids=["alone", "in-base-http-middleware"])
def feed(request: pytest.FixtureRequest, guard: KindeGuard) -> Feed:
    return Feed(guard, wrapped=request.param)


class Client:
    """One request of a client that may leave."""

    def __init__(self, app: ASGIApp, path: str, token: str) -> None:
        self.sent: list[Message] = []
        self._left = asyncio.Event()
        self._incoming: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
        scope = http_scope("GET", path, bearer(token))
        self.serving: asyncio.Future[None] = asyncio.ensure_future(
            app(scope, self._receive, self._send)
        )

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    async def leave(self) -> None:
        """Leave, and wait until the application has noticed."""
        self._left.set()
        await asyncio.wait([self.serving], timeout=PATIENCE)
        assert self.serving.done()
        # What Starlette makes of it; servers know that it is no error.
        assert isinstance(self.serving.exception(), ClientDisconnect | OSError | None)
        self.forget()

    def forget(self) -> None:
        """Let go of what the exception holds on to."""
        self.serving = asyncio.get_running_loop().create_future()

    async def _receive(self) -> Message:
        if self._incoming:
            return self._incoming.pop()
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._left.is_set():
            # ASGI specification, "Disconnected Client - send exception", since version 2.4.
            raise OSError
        self.sent.append(message)
        await asyncio.sleep(0)


def tasks() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks()


async def test_stream_arrives_piece_by_piece_and_ends_when_the_client_leaves(
    feed: Feed, tenant: Tenant
) -> None:
    before = tasks()
    client = Client(feed.app, "/events", tenant.token("read:users"))
    await eventually(lambda: len(client.sent) > 5)
    assert client.status == 200
    assert feed.under_way == 1
    await client.leave()
    await feed.has_ended()
    assert feed.ended == 1
    await eventually(lambda: tasks() == before)


async def test_stream_goes_on_after_its_token_has_expired(
    feed: Feed, tenant: Tenant, clock: FrozenClock
) -> None:
    # An HTTP answer is decided on once; what may be sent for how long is the application's to say.
    client = Client(feed.app, "/events", tenant.token("read:users"))
    await eventually(lambda: len(client.sent) > 2)
    clock.advance(1_000_000)
    count = len(client.sent)
    await eventually(lambda: len(client.sent) > count + 5)
    await client.leave()
    assert (await call(feed.app, "/events")).status == 401


async def test_refused_stream_never_begins(feed: Feed, tenant: Tenant) -> None:
    for token in (None, tenant.token("other"), tenant.token("read:users", exp=1)):
        assert (await call(feed.app, "/events", token=token)).status in {401, 403}
    assert (feed.under_way, feed.ended) == (0, 0)


async def test_cancelled_stream_ends_its_generator_and_leaves_no_task(
    feed: Feed, tenant: Tenant
) -> None:
    before = tasks()
    client = Client(feed.app, "/events", tenant.token("read:users"))
    await eventually(lambda: len(client.sent) > 5)
    client.serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client.serving
    client.forget()
    await feed.has_ended()
    await eventually(lambda: tasks() == before)


async def test_fifty_streams_and_as_many_refusals_at_once_do_not_mix(
    feed: Feed, tenant: Tenant
) -> None:
    clients = [
        Client(feed.app, "/events", tenant.token("read:users", azp=f"application-{n}"))
        for n in range(50)
    ]
    refused = await asyncio.gather(*(call(feed.app, "/events") for _ in clients))
    assert {answer.status for answer in refused} == {401}
    await eventually(lambda: all(len(client.sent) > 3 for client in clients), PATIENCE)
    for n, client in enumerate(clients):
        body = {part.get("body", b"") for part in client.sent[1:]}
        assert body == {f"data: application-{n}\n\n".encode()}
        await client.leave()
    await feed.has_ended()


# --- a cold fetch --------------------------------------------------------------------------------


async def test_requests_cancelled_in_a_cold_fetch_neither_end_it_nor_leave_anything(
    feed: Feed, guard: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    before = tasks()
    key_server.hold()
    clients = [Client(feed.app, "/events", tenant.token("read:users", n=n)) for n in range(20)]
    await eventually(lambda: key_server.fetches == 1)
    for client in clients[:19]:
        client.serving.cancel()
    await asyncio.gather(*(client.serving for client in clients[:19]), return_exceptions=True)
    assert [client.sent for client in clients[:19]] == [[]] * 19
    key_server.release()
    await eventually(lambda: clients[19].status == 200)
    await clients[19].leave()
    assert key_server.fetches == 1
    assert guard.stats.verified == 1
    await eventually(lambda: tasks() == before)


async def test_all_requests_cancelled_in_a_cold_fetch_leave_the_keys_to_the_next(
    feed: Feed, guard: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    key_server.hold()
    client = Client(feed.app, "/events", tenant.token("read:users"))
    await eventually(lambda: key_server.fetches == 1)
    client.serving.cancel()
    await asyncio.gather(client.serving, return_exceptions=True)
    key_server.release()
    await eventually(lambda: guard.ready)
    assert (await call(feed.app, "/events")).status == 401
    assert key_server.fetches == 1


async def test_client_that_leaves_in_a_cold_fetch_is_noticed_once_the_keys_are_there(
    feed: Feed, tenant: Tenant, key_server: KeyServer
) -> None:
    before = tasks()
    key_server.hold()
    client = Client(feed.app, "/events", tenant.token("read:users"))
    await eventually(lambda: key_server.fetches == 1)
    leaving = asyncio.ensure_future(client.leave())
    await settle()
    key_server.release()
    await leaving
    await feed.has_ended()
    await eventually(lambda: tasks() == before)


async def test_time_limit_of_the_caller_on_verify_ends_the_wait_and_not_the_fetch(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    key_server.hold()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(guard.verify(tenant.token("a")), 0.01)
    key_server.release()
    assert (await guard.verify(tenant.token("a"))).scopes == {"a"}
    assert key_server.fetches == 1


async def test_request_cancelled_in_the_middle_of_a_failing_fetch_still_counts_the_failure(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    gate = asyncio.Event()

    async def fail(_: httpx.Request) -> httpx.Response:
        await gate.wait()
        return httpx.Response(500)

    key_server.fail(fail)
    waiting = asyncio.ensure_future(guard.verify(tenant.token("a")))
    await eventually(lambda: key_server.fetches == 1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    gate.set()
    await eventually(lambda: guard.stats.key_fetch_failures == 1)
