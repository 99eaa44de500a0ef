"""The whole server answers under its own names only, so DNS rebinding reaches nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from kinde_guard.local import Tenant, create_app
from kinde_guard.local.console import OnlyServedHosts
from tests.local.console.person import ISSUER

pytestmark = pytest.mark.anyio

REFUSAL = {
    "error": "misdirected_request",
    "error_description": (
        "Local Kinde answers only under a loopback name and its own port: the Host header of this"
        " request names another server."
    ),
}
PATHS = ["/console/", "/.well-known/jwks", "/oauth2/token", "/api/v1/apis", "/nothing"]


@pytest.fixture(scope="module")
def server() -> Iterator[TestClient]:
    with Tenant.open(ISSUER) as tenant:
        yield TestClient(create_app(tenant), base_url=ISSUER)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8787",
        "127.0.0.1",
        "localhost",
        "127.0.0.1:8788",
        "127.0.0.1.evil.example:8787",
        "localhost.:8787",
        "user@127.0.0.1:8787",
        "127.0.0.2:8787",
        "",
        " 127.0.0.1:8787 x",
    ],
)
def test_a_host_that_is_not_served_is_421(server: TestClient, path: str, host: str) -> None:
    answer = server.get(path, headers={"Host": host})

    assert (answer.status_code, answer.json()) == (421, REFUSAL)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8787", "localhost:8787", "LOCALHOST:8787", "[::1]:8787"]
)
def test_every_name_of_loopback_with_the_port_is_served(server: TestClient, host: str) -> None:
    answer = server.get("/.well-known/jwks", headers={"Host": host})

    assert answer.status_code == 200


async def statuses(issuer: str, *hosts: bytes, kind: str = "http") -> list[Message]:
    """What is sent to a request with these Host headers; a served one is answered by nothing."""
    sent: list[Message] = []

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "served"})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", host) for host in hosts]
    scope = {"type": kind, "headers": headers, "method": "GET", "path": "/"}
    await OnlyServedHosts(served, issuer=issuer)(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("issuer", "host"),
    [
        ("http://kinde.test:8787", b"kinde.test:8787"),
        ("http://Kinde.Test:8787", b"kinde.test:8787"),
        ("http://kinde.test:8787", b"127.0.0.1:8787"),
        ("http://[::1]:8787", b"[::1]:8787"),
        ("https://localhost", b"localhost"),
        ("https://localhost", b"localhost:443"),
        ("http://127.0.0.1", b"127.0.0.1"),
        ("http://127.0.0.1:80", b"127.0.0.1"),
    ],
)
async def test_the_issuer_itself_is_served(issuer: str, host: bytes) -> None:
    assert await statuses(issuer, host) == [{"type": "served"}]


@pytest.mark.parametrize("hosts", [(), (b"127.0.0.1:8787", b"127.0.0.1:8787")])
async def test_no_host_or_two_are_421(hosts: tuple[bytes, ...]) -> None:
    start, *_ = await statuses(ISSUER, *hosts)

    assert start["status"] == 421


async def test_a_websocket_to_another_host_is_closed() -> None:
    assert await statuses(ISSUER, b"evil.example", kind="websocket") == [
        {"type": "websocket.close", "code": 1008}
    ]


async def test_the_lifespan_has_no_host_and_passes() -> None:
    assert await statuses(ISSUER, kind="lifespan") == [{"type": "served"}]


def test_the_port_of_the_other_scheme_is_not_left_out() -> None:
    assert OnlyServedHosts(lambda *_: None, issuer="https://localhost:80").hosts == {  # type: ignore[arg-type]
        "localhost:80",
        "127.0.0.1:80",
        "[::1]:80",
    }
