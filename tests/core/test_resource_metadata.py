"""RFC 9728 metadata of a protected resource: its place, its document, its answers."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from kinde_guard.asgi.resource_metadata import ResourceMetadata
from kinde_guard.vocabulary.urls import metadata_url
from tests.core.exchange import call, http_scope

pytestmark = pytest.mark.anyio

RESOURCE = "https://api.acme.example/mcp"
PATH = "/.well-known/oauth-protected-resource/mcp"
SCOPES = ["read:users", "invoices:write", "offline", "read:users", "offline_access"]
DOCUMENT = {
    "resource": RESOURCE,
    "resource_name": "Invoices",
    "authorization_servers": ["https://acme.kinde.com", "https://login.acme.example"],
    "scopes_supported": ["invoices:write", "read:users"],
    "bearer_methods_supported": ["header"],
}


def metadata(resource: str = RESOURCE, **changes: Any) -> ResourceMetadata:
    given: dict[str, Any] = {
        "name": "Invoices",
        "authorization_servers": ["https://acme.kinde.com", "https://login.acme.example"],
        "scopes": lambda: SCOPES,
        **changes,
    }
    return ResourceMetadata(resource, **given)


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://e.com", "https://e.com/.well-known/oauth-protected-resource"),
        ("https://e.com/", "https://e.com/.well-known/oauth-protected-resource"),
        ("https://e.com/mcp", "https://e.com/.well-known/oauth-protected-resource/mcp"),
        ("https://e.com/mcp/", "https://e.com/.well-known/oauth-protected-resource/mcp/"),
        (
            "https://e.com:8443/public/mcp",
            "https://e.com:8443/.well-known/oauth-protected-resource/public/mcp",
        ),
        (
            "http://127.0.0.1:8000/mcp",
            "http://127.0.0.1:8000/.well-known/oauth-protected-resource/mcp",
        ),
    ],
)
def test_well_known_string_is_inserted_between_host_and_path(resource: str, url: str) -> None:
    assert metadata_url(resource) == url
    assert metadata(resource).url == url


def test_path_is_percent_decoded_as_servers_do() -> None:
    served = metadata("https://e.com/a%20b")
    assert served.path == "/.well-known/oauth-protected-resource/a b"
    assert served.url == "https://e.com/.well-known/oauth-protected-resource/a%20b"


@pytest.mark.parametrize(
    ("path", "root_path", "matching"),
    [
        (PATH, "", True),
        (f"/v1{PATH}", "/v1", True),
        (PATH, "/v1", True),
        (f"/v1{PATH}", "", False),
        (f"{PATH}/", "", False),
        ("/.well-known/oauth-protected-resource", "", False),
        (f"/{PATH}", "", False),
        (PATH.upper(), "", False),
    ],
)
def test_request_is_matched_by_the_path_that_the_router_sees(
    path: str, root_path: str, matching: bool
) -> None:
    assert metadata().matches(http_scope("GET", path, root_path=root_path)) is matching


def test_websocket_is_no_request_for_metadata() -> None:
    assert not metadata().matches({**http_scope("GET", PATH), "type": "websocket"})


async def test_get_answers_the_document_to_every_origin() -> None:
    answer = await call(metadata().answer, PATH, headers={"origin": "https://client.example"})
    assert answer.status == 200
    assert answer.json == DOCUMENT
    assert sorted(answer.headers) == [
        ("access-control-allow-origin", "*"),
        ("cache-control", "public, max-age=300"),
        ("content-length", str(len(answer.body))),
        ("content-type", "application/json"),
    ]


async def test_head_answers_the_headers_of_get_alone() -> None:
    get = await call(metadata().answer, PATH)
    head = await call(metadata().answer, PATH, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert sorted(head.headers) == sorted(get.headers)


async def test_preflight_allows_every_origin_and_header() -> None:
    answer = await call(metadata().answer, PATH, method="OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert sorted(answer.headers) == [
        ("access-control-allow-headers", "*, Authorization"),
        ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
        ("access-control-allow-origin", "*"),
        ("access-control-max-age", "3600"),
        ("allow", "GET, HEAD, OPTIONS"),
    ]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "get"])
async def test_other_methods_are_not_allowed(method: str) -> None:
    answer = await call(metadata().answer, PATH, method=method)
    assert answer.status == 405
    assert answer.json == {"type": "about:blank", "title": "Method Not Allowed", "status": 405}
    assert sorted(answer.headers) == [
        ("access-control-allow-origin", "*"),
        ("allow", "GET, HEAD, OPTIONS"),
        ("cache-control", "no-store"),
        ("content-length", str(len(answer.body))),
        ("content-type", "application/problem+json"),
    ]


async def test_nothing_of_the_request_reaches_the_document() -> None:
    headers = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil"}
    answer = await call(
        metadata().answer, PATH, headers=headers, query_string=b"resource=evil", scheme="http"
    )
    assert answer.json == DOCUMENT


async def test_members_without_a_value_are_left_out() -> None:
    answer = await call(metadata(name=None, scopes=lambda: ["offline"]).answer, PATH)
    assert answer.json == {
        "resource": RESOURCE,
        "authorization_servers": DOCUMENT["authorization_servers"],
        "bearer_methods_supported": ["header"],
    }


async def test_scopes_are_asked_for_with_each_answer() -> None:
    scopes: list[str] = []
    served = metadata(scopes=lambda: scopes)
    assert "scopes_supported" not in (await call(served.answer, PATH)).json
    scopes.append("read:users")
    assert (await call(served.answer, PATH)).json["scopes_supported"] == ["read:users"]


async def test_resource_is_given_exactly_as_configured() -> None:
    for resource in ("https://e.com/", "https://e.com", "https://e.com/a%20b"):
        assert metadata(resource).document()["resource"] == resource


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
async def test_routes_answer_in_the_root_application_as_the_guard_does(method: str) -> None:
    inner = Starlette()
    app = Starlette(routes=[*metadata().routes(), Mount("/mcp", inner)])
    routed = await call(app, PATH, method=method)
    direct = await call(metadata().answer, PATH, method=method)
    assert (routed.status, routed.body) == (direct.status, direct.body)
    assert sorted(routed.headers) == sorted(direct.headers)


async def test_routes_of_several_resources_stand_side_by_side() -> None:
    other = metadata("https://api.acme.example/admin", name=None)
    app = Starlette(routes=[*metadata().routes(), *other.routes()])
    assert (await call(app, PATH)).json["resource"] == RESOURCE
    assert (await call(app, other.path)).json["resource"] == "https://api.acme.example/admin"


async def test_routes_are_found_behind_a_root_path() -> None:
    app = Starlette(routes=metadata().routes())
    assert (await call(app, f"/v1{PATH}", root_path="/v1")).json == DOCUMENT
