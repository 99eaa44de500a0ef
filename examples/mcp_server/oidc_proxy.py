"""An MCP server with fastmcp that people sign in to, at Kinde, through fastmcp's OIDCProxy.

Run it with: uvicorn --factory examples.mcp_server.oidc_proxy:from_env

Kinde registers no clients and knows no `resource`, so the proxy does: it is the authorization
server that MCP clients see, keeps Kinde's tokens, and gives clients tokens of its own. The guard
verifies Kinde's token behind each of them, in every request.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from examples.mcp_server.fastmcp_server import add_tools
from examples.mcp_server.invoices import TOOLS, Invoices
from fastmcp import FastMCP
from fastmcp.server.auth.oidc_proxy import OIDCProxy
from kinde_guard import KindeGuard
from kinde_guard.mcp import KindeTokenVerifier, VerificationErrorMiddleware, guard_tools
from starlette.applications import Starlette
from starlette.middleware import Middleware

#: What a sign-in at Kinde can ask for. What a person may do comes with the token, in `permissions`.
FLOW_SCOPES = ["openid", "profile", "email", "offline"]


def create_app(
    guard: KindeGuard,
    resource: str,
    application: tuple[str, str],
    *,
    consent: bool = True,
    sign_in: dict[str, str] | None = None,
) -> Starlette:
    """Make the server.

    Args:
        guard: verifies Kinde's tokens.
        resource: the public URL of the MCP endpoint.
        application: client id and secret of a back-end application at Kinde, which may be called
            back at /auth/callback of this server.
        consent: whether a person is asked before a new MCP client gets a token.
        sign_in: further parameters of Kinde's /oauth2/auth, such as org_code or login_hint.
    """
    url = urlsplit(resource)
    origin = f"{url.scheme}://{url.netloc}"
    [audience] = guard.settings.audience or [resource]
    auth = OIDCProxy(
        config_url=f"{guard.issuer}/.well-known/openid-configuration",
        client_id=application[0],
        client_secret=application[1],
        audience=audience,
        base_url=origin,
        token_verifier=KindeTokenVerifier(guard),
        token_endpoint_auth_method="client_secret_post",  # noqa: S106 - the name of a method
        forward_resource=False,
        valid_scopes=FLOW_SCOPES,
        require_authorization_consent=consent,
        extra_authorize_params=sign_in,
    )
    server = FastMCP("Invoices", auth=auth)
    add_tools(server, Invoices())
    app = server.http_app(
        path=url.path,
        middleware=[Middleware(guard_tools(TOOLS))],
        host_origin_protection=True,
        allowed_hosts=[url.netloc],
        allowed_origins=[origin],
    )
    app.add_middleware(VerificationErrorMiddleware, guard=guard)
    return app


def from_env() -> Starlette:
    resource = os.environ["MCP_RESOURCE"]
    # A person's API scopes stand in permissions.
    guard = KindeGuard.from_env(resource=resource, permissions_as_scopes=True)
    application = os.environ["KINDE_CLIENT_ID"], os.environ["KINDE_CLIENT_SECRET"]
    return create_app(guard, resource, application)
