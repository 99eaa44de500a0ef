"""Which row of the policy a request meets, and which requests meet none."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import Message

from examples.gateway import Node, PolicyError, Upstream, create_app, load_policy
from kinde_guard import KindeGuard
from kinde_guard.local import LocalKinde
from tests.examples.gateway.internal_api import InternalApi

AMBIGUOUS = {
    "type": "about:blank",
    "title": "Bad Request",
    "status": 400,
    "detail": "The path is ambiguous.",
}
EVERYTHING = [
    "read:users",
    "create:users",
    "update:users",
    "delete:users",
    "read:roles",
    "read:keys",
    "read:files",
    "create:files",
]


def ask(
    url: str, target: bytes | str, kinde: LocalKinde, *, method: str = "GET", scopes: object = None
) -> httpx.Response:
    """Send a request whose target is exactly these bytes."""
    headers = kinde.authorization(EVERYTHING if scopes is None else scopes)  # type: ignore[arg-type]
    raw = target.encode() if isinstance(target, str) else target
    with httpx.Client() as client:
        return client.request(method, url, headers=headers, extensions={"target": raw})


def targets(api: InternalApi) -> list[bytes]:
    return [received.target for received in api.received]


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/users", "read:users"),
        ("/users/17", "read:users"),
        ("/users/17/roles", "read:roles"),
        ("/users/admin/keys", "read:keys"),
        # A literal goes before a parameter, but where it leads nowhere the parameter counts.
        ("/users/admin", "read:users"),
        ("/users/admin/roles", "read:roles"),
        ("/users/me/roles", "read:roles"),
        ("/files/", "read:files"),
        ("/users/a%20b%40c.example", "read:users"),
        ("/users/%C3%A9", "read:users"),
        ("/users/a:b@c,d+e=f~g!", "read:users"),
        ("/users/...", "read:users"),
    ],
)
def test_path_meets_the_most_literal_row_and_is_forwarded_as_it_came(
    url: str, api: InternalApi, kinde: LocalKinde, path: str, scope: str
) -> None:
    others = [name for name in EVERYTHING if name != scope]
    refused = ask(url, path, kinde, scopes=others)
    assert (refused.status_code, refused.json()["required_scopes"]) == (403, [scope])
    assert ask(url, path, kinde, scopes=[scope]).status_code == 200
    assert targets(api) == [path.encode()]


def test_row_without_a_scope_needs_a_token_only(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    assert ask(url, "/users/me", kinde, scopes=[]).status_code == 200
    assert httpx.get(f"{url}/users/me").status_code == 401
    assert targets(api) == [b"/users/me"]


@pytest.mark.parametrize(
    "query", ["a=1&a=2", "q=%2F..%2f&x", "?;=//../", "a=b+c%20d%zz", 'a="b"&c={d}<e>|^`\\']
)
def test_query_passes_unchanged(url: str, api: InternalApi, kinde: LocalKinde, query: str) -> None:
    assert ask(url, f"/users?{query}", kinde).status_code == 200
    assert targets(api) == [f"/users?{query}".encode()]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/users/",
        "/users/17/",
        "/users/17/roles/admin",
        "/Users",
        "/files",
        "/users/17/keys",
    ],
)
def test_path_of_no_row_is_a_404_and_goes_nowhere(
    url: str, api: InternalApi, kinde: LocalKinde, path: str
) -> None:
    answer = ask(url, path, kinde)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such path.",
    }
    assert api.received == []


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PATCH", "/users", "GET, HEAD, POST"),
        ("GET", "/files/a", "POST"),
        ("HEAD", "/files/a", "POST"),
        ("BREW", "/users/17", "DELETE, GET, HEAD, PUT"),
        ("OPTIONS", "/users", "GET, HEAD, POST"),
        # The literal path is another resource than the one with a parameter.
        ("DELETE", "/users/me", "GET, HEAD"),
    ],
)
def test_method_of_no_row_is_a_405_that_names_the_others(
    url: str, api: InternalApi, kinde: LocalKinde, method: str, path: str, allow: str
) -> None:
    answer = ask(url, path, kinde, method=method)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    if method != "HEAD":
        assert answer.json() == {
            "type": "about:blank",
            "title": "Method Not Allowed",
            "status": 405,
            "detail": "The path does not know this method.",
        }
    assert api.received == []


@pytest.mark.parametrize(
    "path",
    [
        # The upstream may take a suffix off, and meet the row of /users/me.
        "/users/me.json",
        "/users/me.",
        "/users/me.tar.gz",
        "/users/me.json/roles",
        # Dot segments, however they are written.
        "/users/..",
        "/users/../users",
        "/users/./17",
        "/users/17/..",
        "/users/%2e%2e/files/",
        "/users/.%2E",
        "/users/%2e",
        "/users/..%2ffiles",
        "/users/..;/files/",
        # Slashes that another server may take for separators, or for none.
        "/users/admin%2Fkeys",
        "/users/admin%2fkeys",
        "/users/17%2Froles",
        "/users/a%5Cb",
        "/users/a\\b",
        "//users",
        "/users//17",
        "/users//",
        "///users/17",
        # Another spelling of a literal segment, or of anything that needs no percent.
        "/users/%61dmin/keys",
        "/users/m%65",
        "/%75sers",
        "/users/%31%37",
        "/users/a%7Eb",
        "/users/a%5Fb",
        # What is decoded twice.
        "/users/%252e%252e",
        "/users/m%2565",
        "/users/100%25",
        # What ends a path or a segment early.
        "/users/me;x=1",
        "/users/me%3Bx",
        "/users/me%3Fx",
        "/users/me%23x",
        "/users/me#x",
        "/users/me%00",
        "/users/me%0a",
        "/users/me%7F",
        # No path at all.
        "/users/%",
        "/users/%4",
        "/users/%zz",
        "/users/a|b",
        '/users/"a"',
        "/users/{user_id}",
        "users",
        "*",
        "http://internal.example/users",
        "http://internal.example",
    ],
)
def test_ambiguous_path_is_a_400_and_goes_nowhere(
    url: str, api: InternalApi, kinde: LocalKinde, path: str
) -> None:
    answer = ask(url, path, kinde)
    assert (answer.status_code, answer.json()) == (400, AMBIGUOUS)
    assert answer.headers["content-type"] == "application/problem+json"
    assert api.received == []


@pytest.mark.parametrize(
    "path", ["/reports/export.json", "/reports/export.json/", "/reports/a.json"]
)
def test_suffix_that_hides_a_stricter_literal_row_is_no_way_past_it(
    tmp_path: Path, path: str
) -> None:
    rows = (
        "GET,/reports/export,export:all\nGET,/reports/{id},read:one\nGET,/reports/{id}/,read:one\n"
    )
    root = policy(tmp_path, f"method,path,scope\n{rows}")
    segments = path.split("/")[1:]
    assert root.find(segments) is not None
    assert root.has_other_reading(segments) == ("export" in path)


@pytest.mark.parametrize("path", ["/users/%ff", "/users/%c0%af", "/users/%c0%ae%c0%ae"])
def test_path_that_is_no_utf8_is_a_400(
    url: str, api: InternalApi, kinde: LocalKinde, path: str
) -> None:
    answer = ask(url, path, kinde)
    assert (answer.status_code, answer.json()["detail"]) == (400, "The path is not valid UTF-8.")
    assert api.received == []


@pytest.mark.anyio
@pytest.mark.parametrize("query", [b"a" * 70_000, b"a=\xff", b"a=\r\nX: y"])
async def test_query_that_no_url_may_hold_is_a_400(
    kinde: LocalKinde, policy_file: Path, query: bytes
) -> None:
    # Servers differ in what they let through, so the application is called without one.
    guard = KindeGuard(kinde.issuer, audience=kinde.audience)
    upstream = Upstream(httpx.URL("http://127.0.0.1:9"), httpx.MockTransport(unreachable))
    app = create_app(guard, load_policy(policy_file), upstream)
    token = kinde.authorization(EVERYTHING)["Authorization"]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/users",
        "raw_path": b"/users",
        "query_string": query,
        "headers": [(b"authorization", token.encode())],
        "http_version": "1.1",
        "scheme": "http",
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert [message.get("status") for message in sent] == [400, None]
    assert json.loads(sent[1]["body"])["detail"] == "The URL is too long or not ASCII."


def unreachable(request: httpx.Request) -> httpx.Response:
    raise AssertionError(request)


def test_preflight_without_a_token_learns_nothing_of_the_paths(url: str, api: InternalApi) -> None:
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    answers = [
        httpx.options(f"{url}{path}", headers=preflight) for path in ("/users", "/nothing", "/a;b")
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert len({answer.content for answer in answers}) == 1
    assert api.received == []


def test_websocket_is_refused(url: str, kinde: LocalKinde) -> None:
    parts = urlsplit(url)
    handshake = (
        f"GET /users HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Authorization: {kinde.authorization(EVERYTHING)['Authorization']}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as line:
        line.sendall(handshake.encode())
        assert line.recv(64).startswith(b"HTTP/1.1 403")


# The file


def policy(tmp_path: Path, text: str) -> Node:
    file = tmp_path / "policy.csv"
    file.write_bytes(text.encode())
    return load_policy(file)


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("", 0, "the first line must name the columns method, path and scope, once each"),
        ("method,path\n", 1, "the first line must name the columns"),
        ("method,path,scope,scope\n", 1, "the first line must name the columns"),
        ("method,path,scope\n", 1, "there is no rule"),
        ("method,path,scope\nGET,/a,b\nGET,/c\n", 3, "expected 3 columns"),
        ("method,path,scope\nGET,/a,b\n\nGET,/c,d,e\n", 4, "expected 3 columns"),
        ("method,path,scope\nGET,/a,b\nGET,/a,c\n", 3, "GET /a was there before"),
        ("method,path,scope\nGET,/a/{b},\nGET,/a/{c},d\n", 3, "GET /a/{c} was there before"),
        ("method,path,scope\nFETCH,/a,b\n", 2, "'FETCH' is no method; expected one of DELETE, "),
        ("method,path,scope\nget,/a,b\n", 2, "'get' is no method"),
        ("method,path,scope\n,/a,b\n", 2, "'' is no method"),
        ("method,path,scope\nGET,/a,b c\n", 2, "'b c' is no name of a scope"),
        ('method,path,scope\nGET,/a,"""b"""\n', 2, "'\"b\"' is no name of a scope"),
        ("method,path,scope\nGET,/a, \n", 2, "' ' is no name of a scope"),
        ("method,path,scope\nGET,a,b\n", 2, "'a' is no path; expected one such as /users/"),
        ("method,path,scope\nGET,,b\n", 2, "'' is no path"),
        ("method,path,scope\nGET,/a b,c\n", 2, "'/a b' is no path"),
        ("method,path,scope\nGET,/a//b,c\n", 2, "'/a//b' is no path"),
        ("method,path,scope\nGET,/a/../b,c\n", 2, "'/a/../b' is no path"),
        ("method,path,scope\nGET,/a?b,c\n", 2, "'/a?b' is no path"),
        ("method,path,scope\nGET,/a%20b,c\n", 2, "'/a%20b' is no path"),
        ("method,path,scope\nGET,/a/b{c},d\n", 2, "'/a/b{c}' is no path"),
        ("method,path,scope\nGET,/a/{b:path},d\n", 2, "'/a/{b:path}' is no path"),
        ('method,path,scope\nGET,/a,b\nGET,"/c,d\n', 3, "unexpected end of data"),
    ],
)
def test_bad_policy_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, complaint: str
) -> None:
    with pytest.raises(PolicyError) as refusal:
        policy(tmp_path, text)
    assert f"policy.csv, line {line}: {complaint}" in str(refusal.value)


def test_policy_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "policy.csv"
    file.write_bytes(b"method,path,scope\nGET,/\xff,a\n")
    with pytest.raises(PolicyError, match=r"policy\.csv, line \d: 'utf-8' codec"):
        load_policy(file)


def test_policy_may_have_a_byte_order_mark_windows_lines_and_more_columns(tmp_path: Path) -> None:
    root = policy(tmp_path, "\ufeffnote,scope,path,method\r\nx,read:a,/a,GET\r\n\r\n,,/,POST\r\n")
    found = root.find(["a"])
    assert found is not None
    assert found.allow == "GET, HEAD"
    assert (node := root.find([""])) is not None
    assert node.allow == "POST"


def test_row_for_head_goes_before_the_one_for_get(tmp_path: Path) -> None:
    root = policy(tmp_path, "method,path,scope\nGET,/a,read:a\nHEAD,/a,look:a\n")
    node = root.find(["a"])
    assert node is not None
    assert node.need("HEAD") == node.needs["HEAD"] != node.needs["GET"]
