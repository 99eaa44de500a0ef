"""Which headers pass the gateway, in either direction."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import httpx
import pytest

from kinde_guard.local import LocalKinde
from tests.examples.gateway.conftest import Gateway
from tests.examples.gateway.internal_api import InternalApi

SCOPES = ["read:users", "create:users"]


def send(url: str, kinde: LocalKinde, head: bytes, *, method: bytes = b"GET") -> bytes:
    """Send a request with exactly these header lines (and body); return the whole answer."""
    parts = urlsplit(url)
    token = kinde.authorization(SCOPES)["Authorization"].encode()
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5) as line:
        line.sendall(
            method + b" /users HTTP/1.1\r\nHost: public.example\r\nAuthorization: " + token
        )
        line.sendall(b"\r\n" + head)
        answer = b""
        while chunk := line.recv(65_536):
            answer += chunk
    return answer


def test_what_reaches_the_upstream_is_exactly_this(
    url: str, api: InternalApi, kinde: LocalKinde, served_api: tuple[InternalApi, str]
) -> None:
    send(
        url,
        kinde,
        b"Accept: text/plain\r\nX-Twice: 1\r\nX-Twice: 2\r\nCookie: a=b\r\nVia: 1.0 edge\r\n"
        b"X-Latin: caf\xe9\r\nConnection: close\r\n\r\n",
    )
    (received,) = api.received
    assert received.headers == [
        ("host", urlsplit(served_api[1]).netloc),
        ("accept", "text/plain"),
        ("x-twice", "1"),
        ("x-twice", "2"),
        ("cookie", "a=b"),
        ("via", "1.0 edge"),
        ("x-latin", "caf\xe9"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "public.example"),
        ("x-forwarded-proto", "http"),
        ("via", "1.1 kinde-guard"),
    ]


def test_hop_by_hop_headers_and_those_that_connection_names_do_not_pass(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    send(
        url,
        kinde,
        b"Connection: close, X-Secret\r\nConnection: x-other ,TE\r\nX-Secret: 1\r\nX-Other: 2\r\n"
        b"X-Third: 3\r\nTE: trailers\r\nTrailer: X-Sum\r\nKeep-Alive: timeout=5\r\n"
        b"Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\nExpect: x\r\n\r\n",
    )
    (received,) = api.received
    names = {name for name, _ in received.headers}
    assert names == {
        "host",
        "x-third",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "via",
    }


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded: for=10.0.0.1",
        "X-Forwarded: 10.0.0.1",
        "X-Forwarded-Prefix: /admin",
        "X-Forwarded-Port: 1",
        "X-Real-IP: 10.0.0.1",
        "X_Real_IP: 10.0.0.1",
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: DELETE",
        "X-Method-Override: DELETE",
        "X-Original-URL: /users/admin/keys",
        "X-Original-URI: /users/admin/keys",
        "X-Rewrite-URL: /users/admin/keys",
        "X-Client-IP: 10.0.0.1",
        "Client-IP: 10.0.0.1",
        "True-Client-IP: 10.0.0.1",
        "X-Cluster-Client-IP: 10.0.0.1",
        "CF-Connecting-IP: 10.0.0.1",
        "Fastly-Client-IP: 10.0.0.1",
        "X-Originating-IP: 10.0.0.1",
        "X-Remote-Addr: 10.0.0.1",
        "Remote-User: admin",
        "Remote-Groups: admins",
        "X-Remote-User: admin",
        "X-Auth-Request-Email: admin@acme.example",
        "X-Authenticated-User: admin",
    ],
)
def test_header_that_claims_another_user_sender_method_or_path_does_not_pass(
    url: str, api: InternalApi, kinde: LocalKinde, header: str
) -> None:
    send(url, kinde, f"{header}\r\nConnection: close\r\n\r\n".encode())
    name = header.partition(":")[0].lower()
    (received,) = api.received
    assert received.values(name) == []


@pytest.mark.parametrize("name", ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"])
def test_forwarded_headers_are_the_gateways_own(
    url: str, api: InternalApi, kinde: LocalKinde, name: str
) -> None:
    claimed = f"{name}: 10.0.0.1\r\nConnection: close, {name}\r\n\r\n"
    send(url, kinde, claimed.encode())
    (received,) = api.received
    (value,) = received.values(name)
    assert value in {"127.0.0.1", "public.example", "http"}


def test_token_stays_at_the_gateway(url: str, api: InternalApi, kinde: LocalKinde) -> None:
    assert httpx.get(f"{url}/users", headers=kinde.authorization(SCOPES)).status_code == 200
    (received,) = api.received
    assert received.values("authorization") == []


def test_token_passes_where_that_is_chosen(
    start_gateway: Gateway, api: InternalApi, kinde: LocalKinde
) -> None:
    url = start_gateway(keep_token=True)
    headers = kinde.authorization(SCOPES)
    assert httpx.get(f"{url}/users", headers=headers).status_code == 200
    (received,) = api.received
    assert received.values("authorization") == [headers["Authorization"]]


def test_answer_passes_without_what_was_meant_for_the_gateway(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    answer = httpx.get(f"{url}/users", headers=kinde.authorization(SCOPES))
    own = [each for each in answer.headers.multi_items() if each[0] not in {"date", "server"}]
    assert own == [
        ("content-type", "application/json"),
        ("content-length", "28"),
        ("set-cookie", "a=1; Path=/"),
        ("set-cookie", "b=2; HttpOnly"),
        ("x-internal", "yes"),
    ]
    assert answer.json() == {"method": "GET", "body": 0}
    assert len(api.received) == 1


def test_cookies_of_one_caller_do_not_reach_the_upstream_with_the_next(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    for _ in range(2):
        httpx.get(f"{url}/users", headers=kinde.authorization(SCOPES))
    assert [received.values("cookie") for received in api.received] == [[], []]


def test_head_has_the_headers_of_a_get_and_no_body(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    answer = send(url, kinde, b"Connection: close\r\n\r\n", method=b"HEAD")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: 29" in head
    assert body == b""
    assert [received.method for received in api.received] == ["HEAD"]


def test_request_without_a_body_is_forwarded_without_one(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    httpx.get(f"{url}/users", headers=kinde.authorization(SCOPES))
    (received,) = api.received
    assert (received.values("content-length"), received.values("transfer-encoding")) == ([], [])


def test_length_of_a_body_is_forwarded(url: str, api: InternalApi, kinde: LocalKinde) -> None:
    body = b"x" * 1000
    httpx.post(f"{url}/users", headers=kinde.authorization(SCOPES), content=body)
    (received,) = api.received
    assert (received.body, received.values("content-length")) == (body, ["1000"])
    assert received.values("transfer-encoding") == []


def test_chunked_body_that_also_claims_a_length_is_forwarded_as_chunked_only(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    smuggled = b"GET /users/admin/keys HTTP/1.1\r\nHost: x\r\n\r\n"
    chunk = f"{len(smuggled):x}\r\n".encode() + smuggled + b"\r\n0\r\n\r\n"
    framing = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    answer = send(url, kinde, framing + chunk, method=b"POST")
    if answer.startswith(b"HTTP/1.1 400 "):  # the server refused it by itself
        assert api.received == []
        return
    (received,) = api.received
    assert (received.body, received.values("content-length")) == (smuggled, [])
    assert received.values("transfer-encoding") == ["chunked"]


@pytest.mark.parametrize(
    "codings",
    [
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, chunked",
    ],
)
def test_transfer_coding_besides_chunked_is_refused_and_goes_nowhere(
    url: str, api: InternalApi, kinde: LocalKinde, codings: str
) -> None:
    framing = f"{codings}\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    answer = send(url, kinde, framing.encode(), method=b"POST")
    # A server may refuse it by itself, with 400 or 501.
    assert answer[:13] in {b"HTTP/1.1 501 ", b"HTTP/1.1 400 "}
    assert api.received == []


def test_body_of_a_get_is_forwarded(url: str, api: InternalApi, kinde: LocalKinde) -> None:
    headers = kinde.authorization(SCOPES)
    httpx.request("GET", f"{url}/users", headers=headers, content=b"abc")
    (received,) = api.received
    assert received.body == b"abc"
