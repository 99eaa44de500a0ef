"""The same door over HTTP/2 in the clear, which granian and hypercorn speak.

No header is folded there, names are lower case, methods and paths are headers, and a WebSocket is a
CONNECT (RFC 8441).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)

from tests.attack.servers.house import INSIDE
from tests.attack.servers.serving import Server, serving
from tests.mint import FrozenClock, LoopbackKeyServer, SigningKey, Tenant

Fields = list[tuple[bytes, bytes]]
SERVERS = ("granian", "hypercorn")
#: In place of a status: the server ends the stream or the connection by itself.
BY_SERVER = 0
AUTHORIZATION = b"authorization"


@dataclass
class Answer:
    """What came on the stream; status ``BY_SERVER`` if nothing did."""

    status: int = BY_SERVER
    text: bytes = b""
    ended: bool = False

    @property
    def inside(self) -> bool:
        return INSIDE.encode() in self.text


@pytest.fixture(scope="module")
def tenant(key: SigningKey) -> Tenant:
    return Tenant(key, FrozenClock(time.time()))


@pytest.fixture(scope="module")
def servers(
    tenant: Tenant, key: SigningKey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Server]]:
    keys = LoopbackKeyServer()
    keys.publish(key)
    tenant.issuer = keys.issuer
    logs = tmp_path_factory.mktemp("http2")
    with keys.running(), ExitStack() as stack:
        running = {
            name: stack.enter_context(serving(name, logs / name, HOUSE_ISSUER=keys.issuer))
            for name in SERVERS
        }
        for server in running.values():
            server.await_start()
        yield running


def fields(method: bytes, path: bytes, *more: tuple[bytes, bytes]) -> Fields:
    pseudo = [(b":method", method), (b":scheme", b"http"), (b":authority", b"house")]
    return [*pseudo, (b":path", path), *more]


def ask(server: Server, request: Fields, *, web_socket: bool = False) -> Answer:
    """Send these fields as they are, unchecked, and return what comes on the stream."""
    unchecked = H2Configuration(
        header_encoding=None,
        validate_outbound_headers=False,
        normalize_outbound_headers=False,
        validate_inbound_headers=False,
    )
    connection = H2Connection(unchecked)
    connection.initiate_connection()
    answer = Answer()
    with closing(socket.create_connection(("127.0.0.1", server.port), 60)) as peer:
        peer.sendall(connection.data_to_send())
        # The server's settings come first; they allow the CONNECT of a WebSocket.
        connection.receive_data(peer.recv(65_536))
        connection.send_headers(1, request, end_stream=not web_socket)
        peer.sendall(connection.data_to_send())
        while not answer.ended and (data := peer.recv(65_536)):
            for event in connection.receive_data(data):
                _hear(event, answer, web_socket=web_socket)
    return answer


def _hear(event: Event, answer: Answer, *, web_socket: bool) -> None:
    match event:
        case ResponseReceived():
            received = dict(event.headers or ())
            answer.status = int(received[b":status"])
            answer.text += b"\n".join(received.values())
        case DataReceived():
            answer.text += event.data or b""
            answer.ended |= web_socket
        case StreamEnded() | StreamReset() | ConnectionTerminated():
            answer.ended = True


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Server:
    found: Server = servers[request.param]
    return found


@pytest.fixture
def bearer(tenant: Tenant, servers: dict[str, Server]) -> bytes:
    return b"Bearer " + tenant.token("read:users").encode()


def test_good_token_gets_in(server: Server, bearer: bytes) -> None:
    answer = ask(server, fields(b"GET", b"/users", (AUTHORIZATION, bearer)))
    assert (answer.status, answer.inside) == (200, True)


def test_two_authorization_fields_give_400(server: Server, bearer: bytes) -> None:
    answer = ask(server, fields(b"GET", b"/users", *[(AUTHORIZATION, bearer)] * 2))
    assert (answer.status, answer.inside) == (400, False)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (b"GET", b"/users"),
        (b"OPTIONS", b"*"),
        (b"OPTIONS", b"/users"),
        (b"TRACE", b"/users"),
        (b"GET", b"/open/../users"),
        (b"GET", b"/open%2f..%2fusers"),
        (b"GET", b"//open"),
    ],
)
def test_no_token_gives_401(server: Server, method: bytes, path: bytes) -> None:
    answer = ask(server, fields(method, path))
    assert (answer.status, answer.inside) == (401, False)


@pytest.mark.parametrize("value", [b"", b"Bearer", b"Bearer \xff\xfe", b"Bearer " + b"A" * 40_000])
def test_bad_value_gives_401(server: Server, value: bytes) -> None:
    answer = ask(server, fields(b"GET", b"/users", (AUTHORIZATION, value)))
    assert (answer.status, answer.inside) == (401, False)


@pytest.mark.parametrize("spelling", ["upper case", "smuggled", "nul", "spaces", "second path"])
def test_field_that_http2_forbids_lets_nobody_in(
    server: Server, bearer: bytes, spelling: str
) -> None:
    field = {
        "upper case": (b"Authorization", bearer),
        "smuggled": (b"x-a", b"1\r\nauthorization: " + bearer),
        "nul": (AUTHORIZATION, b"Bearer \x00" + bearer[7:]),
        "spaces": (AUTHORIZATION, b" " + bearer + b" "),
        "second path": (b":path", b"/open"),
    }[spelling]
    answer = ask(server, fields(b"GET", b"/users", field))
    assert answer.status in {BY_SERVER, 401}
    assert not answer.inside


@pytest.mark.parametrize("name", [AUTHORIZATION, b"sec-websocket-protocol"])
def test_web_socket_with_a_good_token_opens(
    servers: dict[str, Server], bearer: bytes, name: bytes
) -> None:
    value = bearer if name == AUTHORIZATION else b"bearer, " + bearer[7:]
    answer = ask(servers["hypercorn"], web_socket((name, value)), web_socket=True)
    assert (answer.status, answer.inside) == (200, True)


@pytest.mark.parametrize("value", [None, b"Bearer x", b"Basic Og=="])
def test_web_socket_without_a_good_token_gives_401(
    servers: dict[str, Server], value: bytes | None
) -> None:
    more = () if value is None else ((AUTHORIZATION, value),)
    answer = ask(servers["hypercorn"], web_socket(*more), web_socket=True)
    assert (answer.status, answer.inside) == (401, False)


def web_socket(*more: tuple[bytes, bytes]) -> Fields:
    protocol = ((b":protocol", b"websocket"), (b"sec-websocket-version", b"13"))
    return fields(b"CONNECT", b"/feed", *protocol, *more)


def test_nothing_failed_unseen(servers: dict[str, Server]) -> None:
    assert {name: server.failures() for name, server in servers.items()} == {
        "granian": set(),
        "hypercorn": set(),
    }
