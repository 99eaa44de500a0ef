"""A token endpoint and an API in one process, which count and can be told what to answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs

import httpx

from kinde_guard.client import ClientCredentials
from tests.mint import FrozenClock

SECRET: Final = "S3cretS3cretS3cretS3cretS3cretS3cretS3cret"
URL: Final = "https://acme.kinde.com/oauth2/token"
API: Final = "https://api.acme.com"


def good(token: str = "token-1", **changes: Any) -> dict[str, Any]:
    """Return the members of a good answer; a change to None is sent as null."""
    return {"access_token": token, "expires_in": 86_399, "scope": "", "token_type": "bearer"} | {
        **changes
    }


class TokenEndpoint:
    """Gives token-1, token-2 and so on, unless ``answer`` was set to something else."""

    def __init__(self, clock: FrozenClock, monotonic: FrozenClock) -> None:
        self.clock = clock
        self.monotonic = monotonic
        self.requests: list[httpx.Request] = []
        self.answer: Callable[[httpx.Request], httpx.Response] | httpx.Response | None = None
        self.members: dict[str, Any] = {}
        self.gate = threading.Event()
        self.gate.set()

    @property
    def forms(self) -> list[dict[str, list[str]]]:
        """The forms that were sent, in order."""
        return [parse_qs(request.content.decode(), True) for request in self.requests]

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        number = len(self.requests)
        self.gate.wait(20)
        if callable(self.answer):
            return self.answer(request)
        if self.answer is not None:
            return self.answer
        return httpx.Response(200, json=good(f"token-{number}", **self.members))

    def credentials(self, **settings: Any) -> ClientCredentials:
        """Return credentials that ask here, in a thread for sync and async callers alike."""
        http_client = httpx.Client(transport=httpx.MockTransport(self.handle))
        return ClientCredentials(
            "acme.kinde.com",
            **{
                "client_id": "0123abcd",
                "client_secret": SECRET,
                "audience": API,
                "clock": self.clock,
                "monotonic": self.monotonic,
                "http_client": http_client,
                **settings,
            },
        )


class Api:
    """Answers 200 to good tokens, else 401, and keeps what it was sent."""

    def __init__(self, refused: tuple[str, ...] = ()) -> None:
        self.refused = refused
        self.tokens: list[str] = []
        self.bodies: list[bytes] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.tokens.append(token)
        self.bodies.append(request.read())
        return httpx.Response(401 if token in self.refused else 200)

    async def ahandle(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return self.handle(request)

    def client(self, auth: ClientCredentials, **settings: Any) -> httpx.Client:
        transport = httpx.MockTransport(self.handle)
        return httpx.Client(transport=transport, base_url=API, auth=auth, **settings)

    def async_client(self, auth: ClientCredentials, **settings: Any) -> httpx.AsyncClient:
        transport = httpx.MockTransport(self.ahandle)
        return httpx.AsyncClient(transport=transport, base_url=API, auth=auth, **settings)
