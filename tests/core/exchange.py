"""One request, one WebSocket or one lifespan, spoken to an ASGI app message by message."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message

from kinde_guard import GuardError, InsufficientScope, KeysUnavailable

Headers = Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]

#: Longer than anything here takes; a test that hangs fails instead.
PATIENCE = 10.0


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer, as the server would put it on the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            raise AssertionError(f"{name} stands {len(values)} times in the answer")
        return values[0] if values else None

    @property
    def challenge(self) -> str | None:
        return self.header("www-authenticate")

    @property
    def text(self) -> str:
        """Everything that the caller gets to see, for searching."""
        lines = [f"{name}: {value}" for name, value in self.headers]
        return "\n".join([*lines, self.body.decode("utf-8", "replace")])


@dataclass
class Conversation:
    """What an app said on a WebSocket."""

    accepted: bool = False
    subprotocol: str | None = None
    close_code: int | None = None
    denial: Answer | None = None
    texts: list[str] = field(default_factory=list)


def encode(headers: Headers) -> list[tuple[bytes, bytes]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(name.lower().encode("latin-1"), _value(value)) for name, value in pairs]


def _value(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def http_scope(method: str, path: str, headers: Headers = (), **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": encode(headers),
        "client": ("192.0.2.7", 40000),
        "server": ("api.acme.example", 443),
        "state": {},
        **more,
    }


async def call(
    app: ASGIApp,
    path: str = "/",
    *,
    method: str = "GET",
    token: str | None = None,
    headers: Headers = (),
    body: bytes = b"",
    **scope: Any,
) -> Answer:
    """Send one HTTP request through ``app(scope, receive, send)`` and return its answer."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if token is not None:
        pairs.append(("authorization", f"Bearer {token}"))
    incoming: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(PATIENCE):
        await app(http_scope(method, path, pairs, **scope), receive, send)
    return _answer(sent, "http.response")


def _answer(sent: list[Message], prefix: str) -> Answer:
    starts = [message for message in sent if message["type"] == f"{prefix}.start"]
    if len(starts) != 1:
        raise AssertionError(f"{len(starts)} answers to one request")
    headers = [(name.decode(), value.decode("latin-1")) for name, value in starts[0]["headers"]]
    bodies = [message for message in sent if message["type"] == f"{prefix}.body"]
    return Answer(starts[0]["status"], headers, b"".join(part.get("body", b"") for part in bodies))


async def connect(
    app: ASGIApp,
    path: str = "/feed",
    *,
    token: str | None = None,
    headers: Headers = (),
    subprotocols: Iterable[str] = (),
    denial: bool = True,
    **scope: Any,
) -> Conversation:
    """Open a WebSocket through ``app(scope, receive, send)``, hear it out and hang up."""
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    offered = list(subprotocols)
    if token is not None:
        pairs.append(("authorization", f"Bearer {token}"))
    if offered:
        pairs.append(("sec-websocket-protocol", ", ".join(offered)))
    extensions: dict[str, Any] = {"websocket.http.response": {}} if denial else {}
    opening = http_scope("GET", path, pairs, subprotocols=offered, extensions=extensions, **scope)
    opening |= {"type": "websocket", "scheme": "wss"}
    del opening["method"]
    incoming: list[Message] = [{"type": "websocket.connect"}]
    sent: list[Message] = []

    async def receive() -> Message:
        return incoming.pop(0) if incoming else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(PATIENCE):
        await app(opening, receive, send)
    return conversation_of(sent)


def conversation_of(sent: list[Message]) -> Conversation:
    """Return what an app said, of the messages that it sent."""
    talk = Conversation()
    for message in sent:
        match message["type"]:
            case "websocket.accept":
                talk.accepted = True
                talk.subprotocol = message.get("subprotocol")
            case "websocket.send":
                talk.texts.append(message.get("text") or "")
            case "websocket.close":
                talk.close_code = message.get("code", 1000)
    if any(message["type"] == "websocket.http.response.start" for message in sent):
        talk.denial = _answer(sent, "websocket.http.response")
    return talk


@dataclass
class Lifespan:
    """What an app said to ``lifespan.startup`` and ``lifespan.shutdown``."""

    started: bool = False
    failure: str | None = None
    stopped: bool = False
    state: dict[str, Any] = field(default_factory=dict)


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[Lifespan]:
    """Start the app as a server does, and stop it at the end."""
    told = Lifespan()
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    outgoing: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": told.state}
    running = asyncio.ensure_future(app(scope, incoming.get, outgoing.put))
    await incoming.put({"type": "lifespan.startup"})
    message = await _heard(running, outgoing)
    told.started = message["type"] == "lifespan.startup.complete"
    told.failure = None if told.started else message.get("message", "")
    try:
        yield told
        if told.started:
            await incoming.put({"type": "lifespan.shutdown"})
            told.stopped = (await _heard(running, outgoing))["type"] == "lifespan.shutdown.complete"
    finally:
        if told.started:
            await asyncio.wait_for(running, PATIENCE)
        else:
            await asyncio.wait([running], timeout=PATIENCE)
            if running.done() and not running.cancelled():
                running.exception()


async def _heard(running: asyncio.Future[None], outgoing: asyncio.Queue[Message]) -> Message:
    getting = asyncio.ensure_future(outgoing.get())
    both: set[asyncio.Future[Any]] = {running, getting}
    await asyncio.wait(both, timeout=PATIENCE, return_when="FIRST_COMPLETED")
    if getting.done():
        return getting.result()
    getting.cancel()
    if running.done():
        await running
    raise AssertionError("the app never answered to lifespan")


async def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Let background work go on until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


async def settle() -> None:
    """Give every task that can go on the chance to."""
    for _ in range(50):
        await asyncio.sleep(0)


def challenge_of(error: type[GuardError], realm: str = "api", scope: str | None = None) -> str:
    """Return the challenge that the contract wants: realm, error, error_description, scope."""
    parameters = [f'realm="{realm}"']
    if error.error is not None:
        parameters += [f'error="{error.error}"', f'error_description="{error.description}"']
    if scope is not None:
        parameters.append(f'scope="{scope}"')
    return "Bearer " + ", ".join(parameters)


def problem_of(error: type[GuardError], required: list[str] | None = None) -> dict[str, Any]:
    """Return the body that the contract wants, its members in order."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.description,
        "error": error.error,
        "reason": error.reason,
    }
    return body if required is None else {**body, "required_scopes": required}


def check_refusal(
    answer: Answer,
    error: type[GuardError],
    *,
    realm: str = "api",
    required: list[str] | None = None,
    retry_after: int | None = None,
) -> None:
    """Compare the whole status, the whole headers and the whole body with the contract."""
    if issubclass(error, InsufficientScope) != (required is not None):
        raise AssertionError("a 403 names its scopes, and only a 403 does")
    wanted = {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "content-length": str(len(answer.body)),
    }
    if issubclass(error, KeysUnavailable):
        wanted["retry-after"] = str(retry_after)
    else:
        scope = " ".join(required) if required is not None else None
        wanted["www-authenticate"] = challenge_of(error, realm, scope)
    assert answer.status == error.status
    assert sorted(answer.headers) == sorted(wanted.items())
    body = problem_of(error, required)
    assert answer.json == body
    assert list(answer.json) == list(body)
