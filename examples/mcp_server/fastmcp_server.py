"""An MCP server with fastmcp.

Run it with: uvicorn --factory examples.mcp_server.fastmcp_server:from_env

The provider answers the metadata, 401, 403 and 503; the tools' scopes stand inside of it.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from examples.mcp_server.invoices import TOOLS, Invoices
from fastmcp import FastMCP
from fastmcp.server.dependencies import get_access_token
from kinde_guard import KindeGuard
from kinde_guard.mcp import KindeAuthProvider, guard_tools
from starlette.applications import Starlette
from starlette.middleware import Middleware


def create_app(guard: KindeGuard, resource: str) -> Starlette:
    """Make the server for a guard and the public URL of the MCP endpoint."""
    url = urlsplit(resource)
    origin = f"{url.scheme}://{url.netloc}"
    tools = guard_tools(TOOLS)
    auth = KindeAuthProvider(guard, base_url=origin, scopes_supported=tools.scopes)
    server = FastMCP("Invoices", auth=auth)
    add_tools(server, Invoices())
    return server.http_app(
        path=url.path,
        middleware=[Middleware(tools)],
        host_origin_protection=True,
        allowed_hosts=[url.netloc],
        allowed_origins=[origin],
    )


def add_tools(server: FastMCP, invoices: Invoices) -> None:
    server.tool(invoices.list, name="list_invoices")
    server.tool(invoices.create, name="create_invoice")

    @server.tool
    def whoami() -> str:
        """Return the id of the caller: a user, an application or an API key."""
        token = get_access_token()
        return "nobody" if token is None else token.subject or token.client_id


def from_env() -> Starlette:
    resource = os.environ["MCP_RESOURCE"]
    return create_app(KindeGuard.from_env(resource=resource), resource)
