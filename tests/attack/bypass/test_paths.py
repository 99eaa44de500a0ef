"""A path that one reader takes for a public one, and another for one that is not."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette._utils import get_route_path
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from kinde_guard import MissingToken
from kinde_guard.asgi.public_paths import PublicPaths, route_path
from tests.attack.bypass.target import MakeGuard, Target
from tests.core.exchange import call, check_refusal
from tests.mint import Tenant

pytestmark = pytest.mark.anyio

#: What a caller writes; the server decodes it once, as uvicorn does.
TRICKS = {
    "dot-segments": "/assets/../users",
    "dot-segments-up": "/assets/x/../../users",
    "dot-segments-first": "/./open/../users",
    "dot-segment": "/assets/./x",
    "dot-segment-last": "/assets/..",
    "encoded-dots": "/assets/%2e%2e/users",
    "half-encoded-dots": "/assets/.%2E/users",
    "encoded-twice": "/assets/%252e%252e/users",
    "encoded-thrice": "/assets/%25252e%25252e/users",
    "encoded-slash": "/assets%2f..%2fusers",
    "encoded-slash-twice": "/assets/..%252fusers",
    "overlong-dots": "/assets/%c0%ae%c0%ae/users",
    "overlong-slash": "/assets/..%c0%afusers",
    "backslash": "/assets/..\\users",
    "encoded-backslash": "/assets/..%5cusers",
    "backslash-alone": "/assets\\x",
    "double-slash": "//users",
    "double-slash-public": "//open",
    "double-slash-host": "//evil.example/open",
    "double-slash-inside": "/assets//users",
    "double-slash-end": "/assets//",
    "trailing-slash": "/open/",
    "trailing-slashes": "/open//",
    "parameter": "/assets/..;/users",
    "parameter-named": "/assets/..;x=1/users",
    "parameter-dot": "/assets/.;/x",
    "parameter-public": "/open;/users",
    "parameter-exact": "/users;/open",
    "null": "/open%00",
    "null-below": "/assets/%00/users",
    "null-suffix": "/users%00/open",
    "line-end": "/users%0a",
    "line-end-public": "/open%0a",
    "line-end-below": "/assets/x%0a",
    "carriage-return": "/assets/%0d%0aX: y",
    "tab": "/assets/%09",
    "delete": "/assets/%7f",
    "invisible": "/assets/%e2%80%8b",
    "line-separator": "/assets/%e2%80%a8x",
    "case": "/OPEN",
    "case-below": "/Assets/x",
    "case-encoded": "/%4fpen",
    "space": "/open%20",
    "space-first": "/%20open",
    "plus": "/open+",
    "prefix": "/openx",
    "prefix-below": "/assets-private/x",
    "suffix": "/users/open",
    "suffix-file": "/users/x.css",
    "suffix-assets": "/users/assets/x",
    "query-encoded": "/users%3f/open",
    "fragment-encoded": "/users%23/open",
    "absolute": "https://api.acme.example/open",
    "absolute-other": "http://x/open/../users",
    "authority": "api.acme.example:443",
    "asterisk": "*",
    "empty": "",
    "no-slash": "open",
    "look-alike": "/\u043epen",
    "full-width": "/\uff4fpen",
    "combining": "/ope\u0301n",
    "wildcard": "/*",
    "wildcard-below": "/assets*",
    "template": "/{path}",
    "long": "/open" + "/" * 4_000,
    "docs-below": "/docs/x",
    "docs-upper": "/DOCS",
    "openapi-slash": "/openapi.json/",
    "openapi-parameter": "/openapi.json;x",
}


@pytest.mark.parametrize("written", TRICKS.values(), ids=TRICKS)
async def test_path_that_only_resembles_a_public_one_is_refused(
    written: str, target: Target
) -> None:
    """Dot segments, encoded slashes and dots, case, double slashes, parameters, control characters.

    Seen: Astro, pull request 16556 (encoded twice); psr7-middlewares, issue 70 (double slash);
    tlbx, issue 153 (a file's suffix); Shiro, CVE-2020-1957 and CVE-2020-11989 (``;`` and ``/``).
    """
    decoded = unquote(written)
    for method in ("GET", "POST"):
        await target.refuses(MissingToken, decoded, method=method, raw_path=written.encode())


@pytest.mark.parametrize(
    "path", ["/open", "/assets", "/assets/", "/assets/a/b.css", "/assets/\u00e9"]
)
async def test_public_path_is_public(path: str, target: Target) -> None:
    """The public paths themselves: what is refused beside them is refused for its difference.

    Seen: librefang, pull request 2307 (a path made equal once too often was no longer public).
    """
    await target.lets_in(path)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "api.acme.example/open?x="},
        {"host": "api.acme.example/open#"},
        {"host": "x/assets/a/../../"},
        {"host": ""},
        {"x-original-url": "/open", "x-rewrite-url": "/open"},
        {"x-forwarded-prefix": "/open", "x-forwarded-path": "/open", "x-forwarded-uri": "/open"},
        {"x-forwarded-host": "api.acme.example/open", "forwarded": "host=x/open"},
        {"referer": "https://api.acme.example/open", "x-envoy-original-path": "/open"},
        {"x-script-name": "/users", "script-name": "/users", "x-path-info": "/open"},
    ],
    ids=lambda headers: next(iter(headers)) + headers[next(iter(headers))][-12:],
)
async def test_header_that_names_another_path_is_ignored(
    headers: dict[str, str], target: Target
) -> None:
    """A Host header with a path in it, and headers that proxies use to name the path.

    Seen: Starlette before 1.0.1, CVE-2026-48710 (``request.url.path`` came from Host); vLLM,
    GHSA-94f4-hr76-p5j6; Symfony, CVE-2018-14773 (``X-Original-URL``).
    """
    await target.refuses(MissingToken, headers=headers)
    await target.refuses(MissingToken, "/anything", method="POST", headers=headers)


@pytest.mark.parametrize("query", [b"/open", b"path=/open", b"../open", b"x=/assets/a", b"#/open"])
async def test_query_is_no_part_of_the_path(query: bytes, target: Target) -> None:
    """A query that holds a public path.

    Seen: checks of the kind ``"/open" in request.url``.
    """
    await target.refuses(MissingToken, query_string=query)


@pytest.mark.parametrize(
    ("root", "path", "error"),
    [
        ("/api", "/api/users", MissingToken),
        ("/api", "/api/api/open", MissingToken),
        ("/api", "/users", MissingToken),
        ("/open", "/open/users", MissingToken),
        ("/open", "/openusers", MissingToken),
        ("/users", "/users/users", MissingToken),
        ("/api", "/api/open", None),
        ("/api", "/open", None),
        ("/open", "/open/open", None),
    ],
)
async def test_prefix_of_the_application_makes_nothing_public(
    root: str, path: str, error: type[MissingToken] | None, target: Target
) -> None:
    """A ``root_path``, as of a proxy or a mount, that is or holds a public path.

    Seen: vLLM, pull request 43426 (the prefix was cut from another text than the router's).
    """
    if error is None:
        await target.lets_in(path, root_path=root)
    else:
        await target.refuses(error, path, root_path=root)


SEGMENT = st.sampled_from(["", "a", "b", "api", "open", "..", ".", "%2f", ";", " ", "\u00e9"])
PATH = st.lists(SEGMENT, max_size=5).map("/".join)


@given(path=PATH.map(lambda path: f"/{path}"), root=PATH)
def test_path_is_that_which_the_router_matches(path: str, root: str) -> None:
    """Any path below any prefix: guard and router must read the same one.

    Seen: ai-triad-research, pull request 264 (gate and router took the path from different texts).
    """
    scope: dict[str, Any] = {"type": "http", "path": path, "root_path": root}
    assert route_path(scope) == get_route_path(scope)


@given(below=PATH)
def test_path_below_a_public_prefix_stays_below_it(below: str) -> None:
    """Any path that counts as public, resolved as a stricter reader would.

    Seen: RFC 3986, section 5.2.4 (dot segments), applied after the check instead of before.
    """
    path = f"/assets/{below}"
    if path in PublicPaths(["/assets/*"]):
        parts = [part.partition(";")[0] for part in path.split("/")]
        assert not {".", ".."} & set(parts)
        assert "" not in parts[1:-1] or ";" in path
        assert "%" not in path


async def _serve(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"REACHED {scope['path']}")(scope, receive, send)


async def _endpoint(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"REACHED {request.url.path}")


@pytest.mark.parametrize(
    "path",
    [
        "/sub",
        "/sub/",
        "/sub/x",
        "/sub/open",
        "/sub/assets/x",
        "/deep/er/x",
        "/deep/open",
        "/host",
        "/sub/../open",
        "/late",
        "/raw/anything",
    ],
)
async def test_mounted_application_is_guarded_too(
    path: str, make_guard: MakeGuard, tenant: Tenant
) -> None:
    """Applications that are mounted, before and after the guard, with paths named like public ones.

    Seen: guards made of dependencies, which reach neither mounts nor static files; FastAPI,
    "Sub applications".
    """
    app = FastAPI()
    app.mount("/sub", _serve)
    app.mount("/deep", Starlette(routes=[Mount("/er", _serve), Route("/open", _endpoint)]))
    make_guard().install(app)
    app.mount("/raw", _serve)
    app.add_route("/late", _endpoint)
    app.host("api.other.example", _serve)
    for headers in ({}, {"host": "api.other.example"}):
        for method in ("GET", "HEAD", "POST", "DELETE"):
            check_refusal(await call(app, path, method=method, headers=headers), MissingToken)
    if path == "/sub/x":
        assert (await call(app, path, token=tenant.token())).body == b"REACHED /sub/x"


@pytest.mark.parametrize("path", ["/open", "/sub/open/x", "/sub/assets/../x", "/sub/x", "/sub/"])
async def test_guard_of_a_mounted_application_guards_all_of_it(
    path: str, make_guard: MakeGuard
) -> None:
    """A guard inside of a mounted application, whose public paths are those below the mount.

    Seen: FastAPI, "Behind a proxy": ``root_path`` and ``path`` overlap differently by server.
    """
    inner = Starlette(routes=[Mount("/", _serve)])
    make_guard().install(inner)
    outer = Starlette(routes=[Mount("/sub", inner), Route("/open", _endpoint)])
    answer = await call(outer, path)
    if path == "/open":
        # The outer application has no guard: its own routes are its own business.
        assert answer.body == b"REACHED /open"
        return
    check_refusal(answer, MissingToken)
    assert (await call(outer, "/sub/open")).body == b"REACHED /sub/open"
