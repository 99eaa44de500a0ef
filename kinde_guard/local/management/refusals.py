"""The guard's refusals in Kinde's error envelope: the body changes, nothing else does.

kinde_guard answers with problem details (RFC 9457), which Kinde's clients do not read. Status and
headers, the challenge of RFC 6750 among them, stay as the guard wrote them.
"""

from __future__ import annotations

import json

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinde_guard.local.management.envelope import Error, Errors

PROBLEM: str = "application/problem+json"


class InKindesWords:
    """Middleware outside of the guard."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer = _Answer(send)
        await self.app(scope, receive, answer.send if scope["type"] == "http" else send)


class _Answer:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_envelope(self._start)

    async def _send_envelope(self, start: Message) -> None:
        body = _envelope(json.loads(self._body)).model_dump_json().encode()
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["content-type"] = "application/json"
        headers["content-length"] = str(len(body))
        await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _is_problem(start: Message) -> bool:
    return MutableHeaders(raw=list(start["headers"])).get("content-type") == PROBLEM


def _envelope(problem: dict[str, object]) -> Errors:
    message = str(problem["detail"])
    if isinstance(required := problem.get("required_scopes"), list):
        message += f" Required: {' '.join(required)}."
    return Errors(errors=[Error(code=str(problem["reason"]).upper(), message=message)])
