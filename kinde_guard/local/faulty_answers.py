"""How each fault looks on the wire.

Where a fault spoils one property of an answer (its size, its speed, its completeness, its keys)
the rest is the true answer, so that a client which overlooks the fault would be served.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinde_guard.local.faults import Fault, FaultName, Faults
from kinde_guard.local.paths import endpoint_of

HANG_UP: Final = "kinde_guard.hang_up"
"""The ASGI extension by which a server lets an application close the connection, answered or not:
a callable without arguments. Without it, a fault that closes the connection raises instead."""

GARBAGE: Final = b"<!doctype html><title>503</title><h1>Back soon</h1>"
INVALID_UTF8: Final = b'{"keys": [], "access_token": "\xff\xfe\xfa"}'
JSON_TYPE: Final = "application/json"
PIECES: Final = 10
"""How many pieces an answer that trickles comes in."""
REDIRECTED: Final = "redirected=yes"
"""The query of the place that a redirect leads to; there the true answer stands."""


@dataclass(frozen=True)
class Exchange:
    """A request to an endpoint at fault, and the application that would answer it truly."""

    fault: Fault
    faults: Faults
    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send

    async def reply(self, response: Response) -> None:
        """Answer with ``response`` instead of the truth."""
        await response(self.scope, self.receive, self.send)

    async def true_answer(self) -> tuple[Message, bytes]:
        """Return the start and the body of the answer there would be without the fault."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app(self.scope, self.receive, keep)
        return messages[0], b"".join(message.get("body", b"") for message in messages[1:])

    async def hang_up(self) -> None:
        """Close the connection and wait until it is closed, else the server would complain."""
        close = self.scope.get("extensions", {}).get(HANG_UP)
        if close is None:
            raise ConnectionResetError("Local Kinde was told to close the connection.")
        close()
        while (await self.receive())["type"] != "http.disconnect":
            pass


async def _status(exchange: Exchange) -> None:
    status = exchange.fault.status
    body = {"error": "server_error", "error_description": "Local Kinde was told to fail."}
    has_body = status not in {204, 205, 304}
    await exchange.reply(JSONResponse(body, status) if has_body else Response(status_code=status))


async def _slow(exchange: Exchange) -> None:
    await exchange.faults.pause(exchange.fault, exchange.fault.seconds)
    await exchange.app(exchange.scope, exchange.receive, exchange.send)


async def _trickle(exchange: Exchange) -> None:
    start, body = await exchange.true_answer()
    await exchange.send(start)
    length = max(1, len(body) // PIECES)
    for offset in range(0, len(body), length):
        await exchange.faults.pause(exchange.fault, exchange.fault.seconds / PIECES)
        await exchange.send(_body(body[offset : offset + length], more=True))
    await exchange.send(_body(b""))


async def _truncated(exchange: Exchange) -> None:
    start, body = await exchange.true_answer()
    await exchange.send(start)
    await exchange.send(_body(body[: len(body) // 2], more=True))
    await exchange.hang_up()


async def _oversized(exchange: Exchange) -> None:
    start, body = await exchange.true_answer()
    # Without a Content-Length the size shows only while reading. White space is valid JSON.
    del MutableHeaders(raw=start["headers"])["content-length"]
    await exchange.send(start)
    await exchange.send(_body(body + b" " * max(0, exchange.fault.size - len(body))))


async def _garbage(exchange: Exchange) -> None:
    await exchange.reply(Response(GARBAGE, media_type=JSON_TYPE))


async def _invalid_utf8(exchange: Exchange) -> None:
    await exchange.reply(Response(INVALID_UTF8, media_type=JSON_TYPE))


async def _redirect(exchange: Exchange) -> None:
    await exchange.reply(RedirectResponse(f"{exchange.scope['path']}?{REDIRECTED}", 307))


async def _no_keys(exchange: Exchange) -> None:
    await exchange.reply(JSONResponse({"keys": []}))


async def _unusable_keys(exchange: Exchange) -> None:
    _, body = await exchange.true_answer()
    keys = [spoilt for jwk in json.loads(body)["keys"] for spoilt in _spoilt(jwk)]
    await exchange.reply(JSONResponse({"keys": keys}))


async def _disconnect(exchange: Exchange) -> None:
    await exchange.hang_up()


PLAY: Final[Mapping[FaultName, Callable[[Exchange], Awaitable[None]]]] = {
    "status": _status,
    "slow": _slow,
    "trickle": _trickle,
    "garbage": _garbage,
    "truncated": _truncated,
    "invalid_utf8": _invalid_utf8,
    "oversized": _oversized,
    "redirect": _redirect,
    "no_keys": _no_keys,
    "unusable_keys": _unusable_keys,
    "disconnect": _disconnect,
}


class PlayFaults:
    """Answer a request to an endpoint at fault as the fault would have it."""

    def __init__(self, app: ASGIApp, *, faults: Faults) -> None:
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, truly or not."""
        fault = None
        if scope["type"] == "http" and scope["query_string"] != REDIRECTED.encode():
            fault = self.faults.in_force(endpoint_of(scope))
        if fault is None:
            await self.app(scope, receive, send)
        else:
            await PLAY[fault.what](Exchange(fault, self.faults, self.app, scope, receive, send))


def _body(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def _spoilt(jwk: Mapping[str, str]) -> list[dict[str, str]]:
    """Return what no verifier may use, under the id of a key that would be right."""
    return [
        {**jwk, "use": "enc"},
        {**jwk, "kty": "XYZ"},
        {**jwk, "n": _SHORT_MODULUS},
        {name: value for name, value in jwk.items() if name != "kid"},
        {"kty": "oct", "use": "sig", "alg": "RS256", "kid": jwk["kid"], "k": jwk["n"]},
        {"kty": "EC", "use": "sig", "kid": jwk["kid"], "crv": "P-192", "x": "AA", "y": "AA"},
    ]


_SHORT_MODULUS: Final = urlsafe_b64encode(b"\xc1" + bytes(126) + b"\x01").rstrip(b"=").decode()
"""The modulus of an RSA key of 1024 bits."""
