"""A dozen rows of the answers table through uvicorn on a loopback socket, byte by byte."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from kinde_guard import (
    ExpiredToken,
    GuardError,
    InsufficientScope,
    InvalidRequest,
    InvalidSignature,
    KeysUnavailable,
    KindeGuard,
    MalformedToken,
    MissingToken,
    UnknownKey,
    WrongAudience,
)
from tests.core.conftest import add_routes
from tests.core.exchange import challenge_of, problem_of
from tests.mint import CLIENT_ID, FrozenClock, LoopbackKeyServer, SigningKey, Tenant


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    """Run the app in uvicorn on a free loopback port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", lifespan="on", ws="websockets-sansio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@dataclass
class Street:
    """A guarded app on one port, its issuer's key server on another."""

    port: int
    keys: LoopbackKeyServer
    tenant: Tenant
    monotonic: FrozenClock

    def say(self, *lines: bytes, path: str = "/users", method: str = "GET") -> bytes:
        """Send one request as raw bytes and return the raw answer up to its end."""
        head = [f"{method} {path} HTTP/1.1".encode(), b"Host: api.acme.example", *lines]
        with socket.create_connection(("127.0.0.1", self.port), 5) as peer:
            peer.sendall(b"\r\n".join([*head, b"Connection: close", b"", b""]))
            return b"".join(iter(lambda: peer.recv(65_536), b""))

    def bearer(self, token: str, **more: str) -> bytes:
        return self.say(f"Authorization: Bearer {token}".encode(), **more)


@pytest.fixture(scope="module")
def street(key: SigningKey) -> Iterator[Street]:
    keys = LoopbackKeyServer()
    monotonic = FrozenClock(1000.0)
    tenant = Tenant(key, issuer=keys.issuer)
    guard = KindeGuard(
        keys.issuer,
        audience=tenant.audience,
        public_paths=("/open",),
        clock=tenant.clock,
        monotonic=monotonic,
    )
    app = add_routes(FastAPI())
    app.add_middleware(CORSMiddleware, allow_origins=["https://spa.example"])
    guard.install(app)
    keys.publish(key)
    with keys.running(), served(app) as port:
        yield Street(port, keys, tenant, monotonic)


def split(raw: bytes) -> tuple[bytes, list[bytes], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *headers = head.split(b"\r\n")
    return status, headers, body


def check_refused(
    raw: bytes, error: type[GuardError], scope: str | None = None, **extra: str
) -> None:
    """Compare the whole answer: the status line, every header's bytes, and the body's."""
    status, headers, body = split(raw)
    required = scope.split(" ") if scope is not None else None
    problem = problem_of(error, required)
    wanted = {
        "content-length": str(len(body)),
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        **extra,
    }
    if not issubclass(error, KeysUnavailable):
        wanted["www-authenticate"] = challenge_of(error, scope=scope)
    lines = sorted(f"{name}: {value}".encode() for name, value in wanted.items())
    ours = [line for line in headers if line.partition(b":")[0].lower() not in PROTOCOL]

    assert status == f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}".encode()
    assert sorted(_lowered(line) for line in ours) == lines
    assert json.loads(body) == problem
    assert list(json.loads(body)) == list(problem)


#: Headers that the server and the CORS middleware add to every answer.
PROTOCOL = {b"date", b"server", b"connection", b"vary"}


def _lowered(line: bytes) -> bytes:
    name, _, value = line.partition(b":")
    return name.lower() + b":" + value


def test_good_token_gives_200(street: Street) -> None:
    status, _, body = split(street.bearer(street.tenant.token("read:users")))
    assert status == b"HTTP/1.1 200 OK"
    assert json.loads(body) == {"route": "users"}


def test_no_token_gives_401_with_a_bare_challenge(street: Street) -> None:
    raw = street.say()
    check_refused(raw, MissingToken)
    assert b'\r\nwww-authenticate: Bearer realm="api"\r\n' in raw


def test_another_scheme_gives_401_missing_token(street: Street) -> None:
    check_refused(street.say(b"Authorization: Basic dXNlcjpwYXNz"), MissingToken)


def test_two_authorization_headers_give_400(street: Street) -> None:
    line = f"Authorization: Bearer {street.tenant.token('read:users')}".encode()
    check_refused(street.say(line, line), InvalidRequest)


def test_garbage_gives_401_malformed_token(street: Street) -> None:
    check_refused(street.bearer("garbage"), MalformedToken)


def test_bytes_of_no_character_set_give_401_malformed_token(street: Street) -> None:
    check_refused(street.say(b"Authorization: Bearer \xff\xfe\xf6"), MalformedToken)


def test_oversized_token_gives_401_malformed_token(street: Street) -> None:
    check_refused(street.bearer("A" * 17_000), MalformedToken)


def test_expired_token_gives_401(street: Street) -> None:
    expired = street.tenant.token("read:users", exp=int(street.tenant.clock.now) - 60)
    check_refused(street.bearer(expired), ExpiredToken)


def test_forged_signature_gives_401(street: Street, other_key: SigningKey) -> None:
    forger = other_key.renamed(street.tenant.key.kid)
    check_refused(street.bearer(street.tenant.token("read:users", key=forger)), InvalidSignature)


def test_unknown_key_gives_401(street: Street, other_key: SigningKey) -> None:
    check_refused(street.bearer(street.tenant.token(key=other_key)), UnknownKey)


def test_another_audience_gives_401(street: Street) -> None:
    check_refused(street.bearer(street.tenant.token("read:users", aud="x")), WrongAudience)


def test_scopes_lacking_give_403_with_the_scope_parameter(street: Street) -> None:
    check_refused(street.bearer(street.tenant.token()), InsufficientScope, "read:users")


def test_several_scopes_lacking_give_403_with_all_of_them(street: Street) -> None:
    raw = street.bearer(street.tenant.token("read:users"), method="POST")
    check_refused(raw, InsufficientScope, "create:users read:users")


def test_cors_header_stands_on_a_401(street: Street) -> None:
    raw = street.say(b"Origin: https://spa.example")
    check_refused(raw, MissingToken, **{"access-control-allow-origin": "https://spa.example"})


def test_public_path_gives_200_without_a_token(street: Street) -> None:
    assert split(street.say(path="/open"))[0] == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("path", ["/open/%2e%2e/users", "/%6fpen/../users", "/open%2f", "//open"])
def test_odd_spelling_of_a_public_path_gives_401(path: str, street: Street) -> None:
    check_refused(street.say(path=path), MissingToken)


def test_outage_with_an_unknown_key_gives_503_and_is_over_without_a_restart(
    street: Street, other_key: SigningKey
) -> None:
    fresh = street.tenant.token("read:users", key=other_key)
    street.keys.status = 500
    street.monotonic.advance(60)
    raw = street.bearer(fresh)
    check_refused(raw, KeysUnavailable, **{"retry-after": "1"})
    assert b"www-authenticate" not in raw.lower()
    known = street.bearer(street.tenant.token("read:users"))
    assert split(known)[0] == b"HTTP/1.1 200 OK"

    street.keys.status = 200
    street.keys.publish(street.tenant.key, other_key)
    street.monotonic.advance(60)
    assert split(street.bearer(fresh))[0] == b"HTTP/1.1 200 OK"
    street.keys.publish(street.tenant.key)
    street.monotonic.advance(60)
    assert split(street.bearer(street.tenant.token(key=other_key.renamed("gone"))))[0].endswith(
        b"401 Unauthorized"
    )


# --- WebSockets ----------------------------------------------------------------------------------


def upgrade(*lines: bytes) -> list[bytes]:
    key = base64.b64encode(os.urandom(16))
    return [
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + key,
        *lines,
    ]


def open_feed(street: Street, *lines: bytes) -> bytes:
    """Open the feed and return what came until the server had nothing more to say."""
    with socket.create_connection(("127.0.0.1", street.port), 5) as peer:
        head = [b"GET /feed HTTP/1.1", b"Host: api.acme.example", *upgrade(*lines)]
        peer.sendall(b"\r\n".join([*head, b"", b""]))
        answer = b""
        while b"\r\n\r\n" not in answer or (b" 101 " in answer and b"\x88" not in answer):
            part = peer.recv(65_536)
            if not part:
                return answer
            answer += part
        length = [line for line in answer.lower().split(b"\r\n") if b"content-length" in line]
        while length and len(split(answer)[2]) < int(length[0].partition(b":")[2]):
            answer += peer.recv(65_536)
        return answer


def test_websocket_with_the_token_in_the_header_opens(street: Street) -> None:
    token = street.tenant.token("read:users")
    answer = open_feed(street, f"Authorization: Bearer {token}".encode())
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert f"hello {CLIENT_ID}".encode() in answer


def test_websocket_with_the_subprotocol_pair_is_answered_with_bearer(street: Street) -> None:
    token = street.tenant.token("read:users")
    answer = open_feed(street, f"Sec-WebSocket-Protocol: bearer, {token}".encode())
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"\r\nsec-websocket-protocol: bearer\r\n" in answer.lower()
    assert token.encode() not in answer


def test_websocket_without_a_token_gets_the_whole_denial_response(street: Street) -> None:
    check_refused(open_feed(street), MissingToken)


def test_websocket_without_the_scope_gets_the_whole_denial_response(street: Street) -> None:
    line = f"Authorization: Bearer {street.tenant.token()}".encode()
    check_refused(open_feed(street, line), InsufficientScope, "read:users")
