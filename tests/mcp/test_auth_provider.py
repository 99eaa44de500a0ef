"""The guard as fastmcp's authentication provider: challenges, metadata, outages, tools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from kinde_guard import KeysUnavailable, KindeGuard
from kinde_guard.mcp import guard_tools
from tests.core.exchange import Answer, call, check_refusal, lifespan
from tests.mcp.conftest import METADATA, RESOURCE, MakeGuard, body_of, message, tool_call
from tests.mint import ISSUER, KeyServer, Tenant

pytest.importorskip("fastmcp", reason="the extra fastmcp is not installed")

from fastmcp import FastMCP
from fastmcp.server.auth import MultiAuth, TokenVerifier
from fastmcp.server.dependencies import get_access_token

from kinde_guard.mcp import KindeAuthProvider, KindeTokenVerifier, VerificationErrorMiddleware

pytestmark = pytest.mark.anyio

BASE_URL = "https://api.acme.example"
#: The SDKs compare the expiry with the time of the machine, which no test may depend on.
LATER = 4_102_444_800
TOOLS = {"create_invoice": ["invoices:write", "invoices:read"], "whoami": []}
ACCEPT = {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2025-06-18",
}


def make_app(auth: Any, **options: Any) -> Any:
    server = FastMCP("Invoices", auth=auth)

    @server.tool
    def create_invoice() -> str:
        return "created"

    @server.tool
    def whoami() -> dict[str, Any]:
        token = get_access_token()
        return {} if token is None else {"client": token.client_id, "scopes": token.scopes}

    tools = Middleware(guard_tools(TOOLS))
    return server.http_app(middleware=[tools], stateless_http=True, json_response=True, **options)


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[ASGIApp]:
    async with lifespan(app) as state:
        assert state.started
        yield app


async def post(app: ASGIApp, token: str | None, body: Any) -> Answer:
    return await call(app, "/mcp", method="POST", token=token, headers=ACCEPT, body=body_of(body))


@pytest.fixture
def provider(guard: KindeGuard) -> KindeAuthProvider:
    return KindeAuthProvider(
        guard,
        base_url=BASE_URL,
        required_scopes=["mcp", "read"],
        scopes_supported=["mcp", "read", "invoices:write"],
        resource_name="Invoices",
    )


async def test_metadata_names_the_issuers_and_the_scopes(provider: KindeAuthProvider) -> None:
    async with running(make_app(provider)) as app:
        answer = await call(app, "/.well-known/oauth-protected-resource/mcp")
    assert answer.json == {
        "resource": RESOURCE,
        "authorization_servers": [ISSUER],
        "resource_name": "Invoices",
        "scopes_supported": ["invoices:write", "mcp", "read"],
        "bearer_methods_supported": ["header"],
    }


async def test_request_without_a_token_gets_401_with_metadata_and_scopes_but_no_error(
    provider: KindeAuthProvider,
) -> None:
    async with running(make_app(provider)) as app:
        answer = await post(app, None, message("tools/list"))
    assert answer.status == 401
    challenge = dict(answer.headers)["www-authenticate"]
    assert challenge == f'Bearer scope="mcp read", resource_metadata="{METADATA}"'


async def test_rejected_token_gets_401_with_invalid_token(
    provider: KindeAuthProvider, tenant: Tenant
) -> None:
    async with running(make_app(provider)) as app:
        answer = await post(app, tenant.token("mcp", "read", exp=1), message("tools/list"))
    assert answer.status == 401
    challenge = dict(answer.headers)["www-authenticate"]
    assert challenge.startswith('Bearer error="invalid_token", ')
    assert challenge.endswith(f'scope="mcp read", resource_metadata="{METADATA}"')


async def test_token_without_a_required_scope_gets_403_with_all_of_them(
    provider: KindeAuthProvider, tenant: Tenant
) -> None:
    async with running(make_app(provider)) as app:
        answer = await post(app, tenant.token("mcp", exp=LATER), message("tools/list"))
    assert answer.status == 403
    challenge = dict(answer.headers)["www-authenticate"]
    assert challenge.startswith('Bearer error="insufficient_scope", ')
    assert challenge.endswith(f'scope="mcp read", resource_metadata="{METADATA}"')


async def test_outage_is_503_with_retry_after(
    provider: KindeAuthProvider, tenant: Tenant, key_server: KeyServer
) -> None:
    key_server.fail(500)
    async with running(make_app(provider)) as app:
        answer = await post(app, tenant.token("mcp", "read"), message("tools/list"))
    check_refusal(answer, KeysUnavailable, retry_after=1)


async def test_tool_that_the_token_may_not_call_gets_403_with_all_of_its_scopes(
    guard: KindeGuard, tenant: Tenant
) -> None:
    async with running(make_app(KindeAuthProvider(guard, base_url=BASE_URL))) as app:
        answer = await post(
            app, tenant.token("invoices:read", exp=LATER), tool_call("create_invoice")
        )
    assert answer.status == 403
    assert dict(answer.headers)["www-authenticate"] == (
        'Bearer realm="api", error="insufficient_scope", error_description="The access token '
        'lacks a scope that this request needs.", scope="invoices:write invoices:read", '
        f'resource_metadata="{METADATA}"'
    )
    assert answer.json["id"] == 1
    assert guard.stats.rejected["insufficient_scope"] == 1


async def test_metadata_in_the_challenge_of_a_tool_is_that_of_the_endpoint(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    provider = KindeAuthProvider(make_guard(resource=None), base_url=BASE_URL)
    async with running(make_app(provider, path="/v2/mcp")) as app:
        answer = await call(
            app,
            "/v2/mcp",
            method="POST",
            token=tenant.token(exp=LATER),
            headers=ACCEPT,
            body=body_of(tool_call("create_invoice")),
        )
        url = f"{BASE_URL}/.well-known/oauth-protected-resource/v2/mcp"
        assert f'resource_metadata="{url}"' in dict(answer.headers)["www-authenticate"]
        assert (await call(app, url.removeprefix(BASE_URL))).status == 200


async def test_tool_sees_whose_token_it_is(guard: KindeGuard, tenant: Tenant) -> None:
    async with running(make_app(KindeAuthProvider(guard, base_url=BASE_URL))) as app:
        answer = await post(app, tenant.token("invoices:read", exp=LATER), tool_call("whoami"))
    assert answer.status == 200
    assert answer.json["result"]["structuredContent"]["scopes"] == ["invoices:read"]


def test_verifier_is_one_of_fastmcps(guard: KindeGuard) -> None:
    verifier = KindeTokenVerifier(guard, required_scopes=["mcp"])
    assert isinstance(verifier, TokenVerifier)
    assert verifier.required_scopes == ["mcp"]


async def test_outage_passes_through_multi_auth(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    key_server.fail(500)
    auth = MultiAuth(verifiers=[KindeTokenVerifier(guard)], base_url=BASE_URL)
    app = make_app(auth)
    app.add_middleware(VerificationErrorMiddleware, guard=guard)
    async with running(app):
        answer = await post(app, tenant.token(), message("tools/list"))
    check_refusal(answer, KeysUnavailable, retry_after=1)
