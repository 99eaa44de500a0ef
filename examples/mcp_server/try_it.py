"""Calls tools of an example server with a real client, against local Kinde; no account needed.

Run it with: python -m examples.mcp_server.try_it [official_sdk | fastmcp_server]
"""

from __future__ import annotations

import asyncio
import importlib
import sys

import httpx2
from kinde_guard import KindeGuard
from kinde_guard.local import LocalKinde, LoopbackServer
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from starlette.applications import Starlette


async def show_challenge(response: httpx2.Response) -> None:
    if response.status_code == 403:
        print(response.status_code, response.headers["www-authenticate"])


async def create_invoice(url: str, credential: str) -> str:
    """Call the tool as any client that can send a header does."""
    headers = {"Authorization": f"Bearer {credential}"}
    hooks = {"response": [show_challenge]}
    async with (
        httpx2.AsyncClient(headers=headers, event_hooks=hooks) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        try:
            result = await client.call_tool("create_invoice", {"customer": "Ada"})
        except MCPError as error:
            return f"refused: {error}"
    return f"done: {result.content[0].model_dump()['text']}"


def main(example: str = "official_sdk") -> None:
    module = importlib.import_module(f"examples.mcp_server.{example}")
    with LocalKinde() as kinde:

        def make_app(url: str) -> Starlette:
            resource = f"{url}/mcp"
            guard = KindeGuard(kinde.issuer, audience=kinde.audience, resource=resource)
            app: Starlette = module.create_app(guard, resource)
            return app

        server = LoopbackServer(make_app)
        server.start()
        for scopes in (["invoices:read"], ["invoices:read", "invoices:write"]):
            credential = kinde.token(scopes=scopes)
            print(asyncio.run(create_invoice(f"{server.url}/mcp", credential)))
        server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
