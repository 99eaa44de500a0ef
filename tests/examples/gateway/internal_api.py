"""The internal API behind the gateway: a real server that writes down what reaches it."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from starlette.types import Receive, Scope, Send

Answer: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass
class Received:
    method: str
    target: bytes
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class InternalApi:
    """An ASGI application. A test may give it another answer, or look into what it received."""

    received: list[Received] = field(default_factory=list)
    answer: Answer | None = None
    left: threading.Event = field(default_factory=threading.Event)
    """The gateway broke off a request."""

    def reset(self) -> None:
        self.received.clear()
        self.answer = None
        self.left.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await (self.answer or self.echo)(scope, receive, send)

    async def echo(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await whole_body(receive)
        self.note(scope, body)
        text = json.dumps({"method": scope["method"], "body": len(body)}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(text)).encode()),
            (b"set-cookie", b"a=1; Path=/"),
            (b"set-cookie", b"b=2; HttpOnly"),
            (b"x-internal", b"yes"),
            (b"connection", b"x-secret, keep-alive"),
            (b"x-secret", b"for the next hop only"),
            (b"keep-alive", b"timeout=5"),
            (b"proxy-authenticate", b"Basic"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    def note(self, scope: Scope, body: bytes = b"") -> None:
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        headers = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
        self.received.append(Received(scope["method"], scope["raw_path"] + query, headers, body))

    async def wait_for_the_end(self, receive: Receive) -> None:
        """Return when the gateway has broken the request off."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()


async def whole_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body
