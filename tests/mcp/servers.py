"""The example servers in real servers on loopback, and a real client of MCP."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from kinde_guard import KindeGuard
from kinde_guard.local import LocalKinde, LoopbackServer

EXAMPLES = {"official SDK": "official_sdk", "fastmcp": "fastmcp_server"}


@dataclass(frozen=True)
class Served:
    """A server that runs, its guard and the tenant that it trusts."""

    url: str
    guard: KindeGuard
    kinde: LocalKinde


@contextmanager
def serving(example: str, kinde: LocalKinde) -> Iterator[Served]:
    """Serve an example at a port of its own, under its own URL as resource."""
    made: list[KindeGuard] = []
    module: Any = importlib.import_module(f"examples.mcp_server.{EXAMPLES[example]}")

    def make(url: str) -> Any:
        resource = f"{url}/mcp"
        guard = KindeGuard(kinde.issuer, audience=kinde.audience, resource=resource)
        made.append(guard)
        return module.create_app(guard, resource)

    server = LoopbackServer(make)
    server.start()
    try:
        yield Served(f"{server.url}/mcp", made[0], kinde)
    finally:
        server.stop()


class Recorder:
    """Every answer that is no success, as the client's HTTP library received it."""

    def __init__(self) -> None:
        self.refused: list[httpx2.Response] = []

    async def __call__(self, response: httpx2.Response) -> None:
        if response.status_code >= 400:
            await response.aread()
            self.refused.append(response)


@asynccontextmanager
async def connected(
    url: str, credential: str, mode: str, recorder: Recorder | None = None
) -> AsyncIterator[Client]:
    """Connect the official SDK's client with a credential in ``Authorization``."""
    hooks: dict[str, list[Any]] = {"response": [recorder or Recorder()]}
    headers = {"authorization": f"Bearer {credential}"}
    async with httpx2.AsyncClient(headers=headers, event_hooks=hooks, timeout=10) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client
