"""An MCP server with the official SDK.

Run it with: uvicorn --factory examples.mcp_server.official_sdk:from_env

The guard stands around the server: it answers the metadata, 401 and 503. The SDK's own
authentication inside of it is there to tell the tools who calls.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from examples.mcp_server.invoices import TOOLS, Invoices
from kinde_guard import KindeGuard, KindeGuardMiddleware
from kinde_guard.mcp import KindeTokenVerifier, guard_tools
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl
from starlette.applications import Starlette


def create_app(guard: KindeGuard, resource: str) -> Starlette:
    """Make the server for a guard and the public URL of the MCP endpoint."""
    auth = AuthSettings(
        issuer_url=AnyHttpUrl(guard.issuer),
        resource_server_url=AnyHttpUrl(resource),
        validate_token_resource=False,  # The guard's audience is the stricter check.
    )
    server = MCPServer("Invoices", auth=auth, token_verifier=KindeTokenVerifier(guard))
    add_tools(server, Invoices())
    url = urlsplit(resource)
    security = TransportSecuritySettings(
        allowed_hosts=[url.netloc], allowed_origins=[f"{url.scheme}://{url.netloc}"]
    )
    app = server.streamable_http_app(streamable_http_path=url.path, transport_security=security)
    app.add_middleware(guard_tools(TOOLS))
    app.add_middleware(KindeGuardMiddleware, guard=guard)
    return app


def add_tools(server: MCPServer, invoices: Invoices) -> None:
    server.tool(name="list_invoices")(invoices.list)
    server.tool(name="create_invoice")(invoices.create)

    @server.tool()
    def whoami() -> str:
        """Return the id of the caller: a user, an application or an API key."""
        token = get_access_token()
        return "nobody" if token is None else token.subject or token.client_id


def from_env() -> Starlette:
    resource = os.environ["MCP_RESOURCE"]
    return create_app(KindeGuard.from_env(resource=resource), resource)
