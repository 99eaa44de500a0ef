"""Bodies pass as they come; who leaves, and what breaks, is noticed on the other side."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from kinde_guard.local import LocalKinde
from tests.examples.gateway.conftest import Gateway
from tests.examples.gateway.internal_api import InternalApi

SCOPES = ["read:users", "create:users", "read:roles"]
CHUNK = b"x" * 65_536
SECONDS = 5
MUCH = 64 * 2**20
"""Bytes of which only a part fits into the buffers of a few sockets."""


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, object]:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def part(body: bytes, *, more: bool = True) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": more}


@contextmanager
def connection(
    url: str, kinde: LocalKinde, request_line: str, *lines: str
) -> Iterator[socket.socket]:
    """A connection on which the head of a request was sent."""
    parts = urlsplit(url)
    token = kinde.authorization(SCOPES)["Authorization"]
    head = [f"{request_line} HTTP/1.1", "Host: a.example", f"Authorization: {token}", *lines]
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as line:
        line.sendall("\r\n".join([*head, "", ""]).encode())
        yield line


def pour(line: socket.socket, sent: list[int] | None = None) -> int:
    """Send a large body until it is sent or the connection breaks; return the bytes sent."""
    count = [0] if sent is None else sent
    with suppress(OSError):
        while count[0] < MUCH:
            line.sendall(CHUNK)
            count[0] += len(CHUNK)
    return count[0]


def until_it_stands_still(count: list[int]) -> int:
    """Wait until a count of bytes does not grow any more, and return it."""
    deadline = time.monotonic() + 10
    seen = -1
    while seen != count[0] or seen == 0:
        assert time.monotonic() < deadline
        seen = count[0]
        time.sleep(0.3)
    return seen


def test_answer_begins_before_it_ends(url: str, api: InternalApi, kinde: LocalKinde) -> None:
    go_on = threading.Event()

    async def two_parts(_: Scope, __: Receive, send: Send) -> None:
        await send(start(200, (b"content-type", b"text/event-stream")))
        await send(part(b"data: 1\n\n"))
        await asyncio.to_thread(go_on.wait, SECONDS)
        await send(part(b"data: 2\n\n", more=False))

    api.answer = two_parts
    with httpx.stream("GET", f"{url}/users", headers=kinde.authorization(SCOPES)) as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"data: 1\n\n"
        go_on.set()
        assert b"".join(parts) == b"data: 2\n\n"
    assert "content-length" not in answer.headers


def test_upload_begins_before_it_ends(url: str, api: InternalApi, kinde: LocalKinde) -> None:
    begun = threading.Event()

    async def count(_: Scope, receive: Receive, send: Send) -> None:
        size = 0
        while True:
            message = await receive()
            size += len(message["body"])
            if size:
                begun.set()
            if not message["more_body"]:
                break
        await send(start())
        await send(part(str(size).encode(), more=False))

    api.answer = count

    def body() -> Iterator[bytes]:
        yield b"first"
        assert begun.wait(SECONDS), "the first part must arrive before the second one is sent"
        yield b"second"

    answer = httpx.post(f"{url}/users", headers=kinde.authorization(SCOPES), content=body())
    assert answer.text == "11"


def test_large_bodies_arrive_whole(url: str, api: InternalApi, kinde: LocalKinde) -> None:
    async def send_back(_: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        await send(start(200, (b"content-length", str(size).encode())))
        for __ in range(size // len(CHUNK)):
            await send(part(CHUNK))
        await send(part(b"", more=False))

    api.answer = send_back
    headers = kinde.authorization(SCOPES)
    with httpx.stream(
        "POST", f"{url}/users", headers=headers, content=(CHUNK for _ in range(256))
    ) as answer:
        assert sum(len(chunk) for chunk in answer.iter_raw()) == 256 * len(CHUNK)


def test_caller_who_does_not_read_holds_the_upstream_back(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    sent = [0]

    async def fill(_: Scope, __: Receive, send: Send) -> None:
        await send(start())
        while sent[0] < MUCH:
            await send(part(CHUNK))
            sent[0] += len(CHUNK)

    api.answer = fill
    with connection(url, kinde, "GET /users"):
        assert until_it_stands_still(sent) < MUCH / 2


def test_upstream_that_does_not_read_holds_the_caller_back(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    done = threading.Event()

    async def ignore(_: Scope, __: Receive, ___: Send) -> None:
        await asyncio.to_thread(done.wait, 20)

    api.answer = ignore
    sent = [0]

    with connection(url, kinde, "POST /users", f"Content-Length: {MUCH}") as line:
        pouring = threading.Thread(target=pour, args=[line, sent], daemon=True)
        pouring.start()
        assert until_it_stands_still(sent) < MUCH / 2
        done.set()
        line.shutdown(socket.SHUT_RDWR)
        pouring.join(SECONDS)


def test_caller_who_leaves_while_waiting_ends_the_upstream_request(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    asked = threading.Event()

    async def think(_: Scope, receive: Receive, __: Send) -> None:
        asked.set()
        await api.wait_for_the_end(receive)

    api.answer = think
    with connection(url, kinde, "GET /users"):
        assert asked.wait(SECONDS)
    assert api.left.wait(SECONDS)


def test_caller_who_leaves_after_an_upload_ends_the_upstream_request(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    asked = threading.Event()

    async def think(_: Scope, receive: Receive, __: Send) -> None:
        while (await receive())["more_body"]:
            pass
        asked.set()
        await api.wait_for_the_end(receive)

    api.answer = think
    with connection(url, kinde, "POST /users", "Content-Length: 3") as line:
        line.sendall(b"abc")
        assert asked.wait(SECONDS)
    assert api.left.wait(SECONDS)


def test_caller_who_leaves_while_uploading_ends_the_upstream_request(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    begun = threading.Event()

    async def read(_: Scope, receive: Receive, __: Send) -> None:
        await receive()
        begun.set()
        await api.wait_for_the_end(receive)

    api.answer = read
    with connection(url, kinde, "POST /users", "Content-Length: 100") as line:
        line.sendall(b"abc")
        assert begun.wait(SECONDS)
        assert not api.left.is_set()
    assert api.left.wait(SECONDS)


def test_caller_who_leaves_while_downloading_ends_the_upstream_request(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    async def drip(_: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(part(b"x"))
        await api.wait_for_the_end(receive)

    api.answer = drip
    with connection(url, kinde, "GET /users") as line:
        assert line.recv(1)
    assert api.left.wait(SECONDS)


def test_upstream_that_answers_before_the_upload_ends_is_heard(
    url: str, api: InternalApi, kinde: LocalKinde
) -> None:
    async def refuse(_: Scope, __: Receive, send: Send) -> None:
        await send(start(413, (b"content-length", b"5"), (b"connection", b"close")))
        await send(part(b"large", more=False))

    api.answer = refuse
    with connection(url, kinde, "POST /users", f"Content-Length: {MUCH}") as line:
        pour(line)
        # The upstream closes with bytes unread, so its answer may be lost on the way (RFC 9112,
        # 9.6); the caller hears of it in either case.
        assert line.recv(12) in {b"HTTP/1.1 413", b"HTTP/1.1 502"}


# What breaks


def test_upstream_that_is_not_there_is_a_502(
    start_gateway: Gateway, kinde: LocalKinde, api: InternalApi
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nowhere = f"http://127.0.0.1:{probe.getsockname()[1]}"
    url = start_gateway(url=nowhere)
    answer = httpx.get(f"{url}/users", headers=kinde.authorization(SCOPES))
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Bad Gateway",
        "status": 502,
        "detail": "The upstream cannot be reached or is broken.",
    }
    assert api.received == []


@pytest.mark.parametrize("says", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 2"])
def test_upstream_that_does_not_speak_http_is_a_502(
    start_gateway: Gateway, kinde: LocalKinde, says: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def speak() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(65_536)
                line.sendall(says)

        threading.Thread(target=speak, daemon=True).start()
        url = start_gateway(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        answer = httpx.get(f"{url}/users", headers=kinde.authorization(SCOPES))
    assert (answer.status_code, answer.json()["title"]) == (502, "Bad Gateway")


def test_upstream_that_is_slow_is_a_504_and_is_left_alone(
    start_gateway: Gateway, kinde: LocalKinde, api: InternalApi
) -> None:
    async def think(_: Scope, receive: Receive, __: Send) -> None:
        await api.wait_for_the_end(receive)

    url = start_gateway(timeout=0.2)
    api.answer = think
    answer = httpx.get(f"{url}/users", headers=kinde.authorization(SCOPES))
    assert answer.status_code == 504
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Gateway Timeout",
        "status": 504,
        "detail": "The upstream did not answer in time.",
    }
    assert api.left.wait(SECONDS)


@pytest.mark.parametrize("framing", [(b"content-length", b"10"), (b"x-length", b"unknown")])
def test_answer_that_breaks_off_breaks_off_for_the_caller_too(
    url: str, api: InternalApi, kinde: LocalKinde, framing: tuple[bytes, bytes]
) -> None:
    async def break_off(scope: Scope, _: Receive, send: Send) -> None:
        await send(start(200, framing))
        await send(part(b"12345"))
        scope["extensions"]["kinde_guard.hang_up"]()

    api.answer = break_off
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{url}/users", headers=kinde.authorization(SCOPES))


def test_answer_that_stalls_breaks_off(
    start_gateway: Gateway, kinde: LocalKinde, api: InternalApi
) -> None:
    async def stall(_: Scope, receive: Receive, send: Send) -> None:
        await send(start())
        await send(part(b"12345"))
        await api.wait_for_the_end(receive)

    url = start_gateway(timeout=0.2)
    api.answer = stall
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{url}/users", headers=kinde.authorization(SCOPES))
    assert api.left.wait(SECONDS)


@pytest.mark.parametrize("status", [204, 304, 302, 404, 500, 503])
def test_status_of_the_upstream_passes(
    url: str, api: InternalApi, kinde: LocalKinde, status: int
) -> None:
    async def say(_: Scope, __: Receive, send: Send) -> None:
        await send(start(status, (b"location", b"http://internal.example/x")))
        await send(part(b"", more=False))

    api.answer = say
    answer = httpx.get(f"{url}/users", headers=kinde.authorization(SCOPES))
    assert (answer.status_code, answer.content) == (status, b"")
    assert answer.headers["location"] == "http://internal.example/x"


def test_base_path_of_the_upstream_stands_before_every_path(
    start_gateway: Gateway,
    kinde: LocalKinde,
    api: InternalApi,
    served_api: tuple[InternalApi, str],
) -> None:
    url = start_gateway(url=f"{served_api[1]}/base/")
    headers = kinde.authorization(SCOPES)
    assert httpx.get(f"{url}/users/1?a=b", headers=headers).status_code == 200
    assert [received.target for received in api.received] == [b"/base/users/1?a=b"]
