"""Both example servers, in real servers, with a real client of MCP, against local Kinde."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from kinde_guard.local import LocalKinde

pytest.importorskip("mcp", reason="the extra mcp is not installed")
pytest.importorskip("fastmcp", reason="the extra fastmcp is not installed")

from mcp.shared.exceptions import MCPError

from tests.mcp.servers import EXAMPLES, Recorder, Served, connected, serving

pytestmark = pytest.mark.anyio

#: The handshake of the versions before 2026-07-28, and that version's requests without a session.
MODES = ["legacy", "2026-07-28", "auto"]


@pytest.fixture(scope="module")
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


@pytest.fixture(scope="module", params=list(EXAMPLES))
def served(request: pytest.FixtureRequest, kinde: LocalKinde) -> Iterator[Served]:
    with serving(request.param, kinde) as served:
        yield served


def metadata_of(served: Served) -> str:
    origin = served.url.removesuffix("/mcp")
    return f"{origin}/.well-known/oauth-protected-resource/mcp"


def token(served: Served, *scopes: str) -> str:
    return served.kinde.token(scopes=list(scopes))


@pytest.mark.parametrize("mode", MODES)
async def test_client_with_a_machine_token_lists_and_calls_tools(mode: str, served: Served) -> None:
    credential = token(served, "invoices:read", "invoices:write")
    async with connected(served.url, credential, mode) as client:
        listed = await client.list_tools()
        assert {tool.name for tool in listed.tools} == {
            "list_invoices",
            "create_invoice",
            "whoami",
        }
        result = await client.call_tool("create_invoice", {"customer": "Ada"})
    assert not result.is_error
    assert "for Ada" in str(result.content)


@pytest.mark.parametrize("mode", MODES)
async def test_client_without_the_scopes_of_a_tool_is_told_all_of_them(
    mode: str, served: Served
) -> None:
    recorder = Recorder()
    async with connected(served.url, token(served, "invoices:read"), mode, recorder) as client:
        with pytest.raises(MCPError, match="lacks a scope"):
            await client.call_tool("create_invoice", {"customer": "Ada"})
    refused = [response for response in recorder.refused if response.status_code == 403]
    assert len(refused) == 1
    challenge = refused[0].headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="invoices:read invoices:write"' in challenge
    assert f'resource_metadata="{metadata_of(served)}"' in challenge
    assert refused[0].json()["error"]["data"]["required_scopes"] == [
        "invoices:read",
        "invoices:write",
    ]


async def test_user_is_told_by_the_subject_of_the_token(served: Served) -> None:
    credential = served.kinde.user_token()
    async with connected(served.url, credential, "auto") as client:
        result = await client.call_tool("whoami", {})
    assert "kp_" in str(result.content)


async def test_metadata_is_what_the_challenge_of_the_401_leads_to(served: Served) -> None:
    async with httpx.AsyncClient() as http:
        refused = await http.post(served.url, json={})
        assert refused.status_code == 401
        challenge = refused.headers["www-authenticate"]
        assert f'resource_metadata="{metadata_of(served)}"' in challenge
        assert "error" not in challenge
        document = (await http.get(metadata_of(served))).json()
    assert document["resource"] == served.url
    assert document["authorization_servers"] == [served.kinde.issuer]


@pytest.mark.parametrize("example", EXAMPLES)
async def test_outage_of_kinde_is_503_with_retry_after(example: str) -> None:
    with LocalKinde() as outage:
        credential = outage.token()
        outage.stop()
        with serving(example, outage) as served:
            async with httpx.AsyncClient() as http:
                headers = {"authorization": f"Bearer {credential}"}
                answer = await http.post(served.url, json={}, headers=headers)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "www-authenticate" not in answer.headers
