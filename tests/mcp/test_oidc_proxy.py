"""A person signs in to an MCP server at local Kinde, through fastmcp's OIDCProxy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kinde_guard import KindeGuard
from kinde_guard.local import LocalKinde, LoopbackServer

pytest.importorskip("fastmcp", reason="the extra fastmcp is not installed")

import httpx2
from fastmcp import Client
from fastmcp.client.auth.oauth import OAuth
from mcp.shared.auth import AuthorizationCodeResult
from mcp.shared.exceptions import MCPError

from examples.mcp_server import oidc_proxy
from tests.mcp.servers import connected

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Using in-memory token storage:UserWarning"),
]


class Browser(OAuth):
    """Follows the redirects of a sign-in up to the client's own callback."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.callback = httpx2.URL()

    @property
    def access_token(self) -> str:
        tokens = self.context.current_tokens
        assert tokens is not None
        return tokens.access_token

    async def redirect_handler(self, authorization_url: str) -> None:
        url = httpx2.URL(authorization_url)
        async with httpx2.AsyncClient() as http:
            while "/callback" not in url.path or url.path.startswith("/auth"):
                answer = await http.get(url)
                assert answer.status_code in {302, 303, 307}, answer.text
                url = url.join(answer.headers["location"])
        self.callback = url

    async def callback_handler(self) -> AuthorizationCodeResult:
        given = self.callback.params
        return AuthorizationCodeResult(
            code=given["code"], state=given["state"], iss=given.get("iss")
        )


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with LocalKinde() as kinde:
        website = next(each for each in kinde.applications if each.type == "reg")

        def make(url: str) -> Any:
            resource = f"{url}/mcp"
            kinde.store.add_callbacks(website.client_id, [f"{url}/auth/callback"])
            guard = KindeGuard(
                kinde.issuer,
                audience=kinde.audience,
                resource=resource,
                permissions_as_scopes=True,
            )
            application = website.client_id, str(website.client_secret)
            hint = {"login_hint": "ada@example.com"}
            return oidc_proxy.create_app(guard, resource, application, consent=False, sign_in=hint)

        server = LoopbackServer(make)
        server.start()
        yield f"{server.url}/mcp"
        server.stop()


async def test_person_signs_in_and_calls_tools_as_far_as_permissions_go(url: str) -> None:
    browser = Browser(url)
    async with Client(url, auth=browser) as client:
        assert "kp_" in str((await client.call_tool("whoami", {})).content)
    # Without the sign-in that a client would begin with the scopes of the challenge.
    async with connected(url, browser.access_token, "auto") as plain:
        with pytest.raises(MCPError, match="lacks a scope"):
            await plain.call_tool("list_invoices", {})


async def test_token_that_the_proxy_did_not_issue_gets_401(url: str) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.post(url, json={}, headers={"authorization": "Bearer a.b.c"})
    assert answer.status_code == 401
