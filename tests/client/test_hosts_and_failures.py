"""Where the client asks, and what becomes of a request that cannot be made or stood still."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import pytest

from kinde_guard.client import ClientCredentials, TokenEndpointUnavailable
from kinde_guard.local import LocalKinde
from kinde_guard.vocabulary.errors import ConfigurationError
from tests.client.test_configuration import make
from tests.client.test_sharing import credentials_for, in_threads, joined, until
from tests.client.token_endpoint import API, Api, TokenEndpoint

pytestmark = pytest.mark.anyio

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


# --- no event loop -------------------------------------------------------------------------------


@pytest.fixture
def no_event_loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Let every attempt to make an event loop fail, as it does without file descriptors."""
    made: list[int] = []

    def new_event_loop() -> asyncio.AbstractEventLoop:
        made.append(1)
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as full:
        full.setattr(asyncio.events, "new_event_loop", new_event_loop)
        yield made


def test_want_of_file_descriptors_is_unavailable_and_paused_after(
    endpoint: TokenEndpoint, no_event_loop: list[int]
) -> None:
    auth = endpoint.credentials(http_client=None)
    for _ in range(50):
        with pytest.raises(TokenEndpointUnavailable) as caught:
            auth.fetch()
        assert caught.value.problem == "no file descriptor is left, so it was not asked"
    assert len(no_event_loop) == 1


def test_thread_that_shares_a_running_loop_is_unavailable_and_paused_after(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As under gevent, whose greenlets run in one thread with one event loop.
    def start(thread: threading.Thread) -> None:
        thread.run()

    auth = endpoint.credentials(http_client=None)

    async def main() -> list[object]:
        calls = (auth.afetch() for _ in range(5))
        return list(await asyncio.gather(*calls, return_exceptions=True))

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        errors = asyncio.run(main())
    assert {type(error) for error in errors} == {TokenEndpointUnavailable}


# --- requests that stood still -------------------------------------------------------------------


def test_renewal_that_stood_still_is_made_anew(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials()
    endpoint.gate.clear()
    tokens: list[str] = []
    frozen = in_threads(lambda: tokens.append(auth.fetch().access_token), 1)
    until(lambda: len(endpoint.requests) == 1)
    endpoint.monotonic.advance(3_600)
    late = in_threads(lambda: tokens.append(auth.fetch().access_token), 1)
    until(lambda: len(endpoint.requests) == 2)
    endpoint.gate.set()
    joined(frozen + late)
    # Both have the token of the second request; that of the first came too late to be kept.
    assert tokens == ["token-2"] * 2
    assert auth.fetch().access_token == "token-2"


@pytest.mark.parametrize("gap", [11.5, 3_600])
async def test_time_out_across_a_gap_is_no_failure(endpoint: TokenEndpoint, gap: float) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if not endpoint.requests:
            endpoint.requests.append(request)
            endpoint.monotonic.advance(gap)
            raise httpx.ReadTimeout("slow")
        return endpoint.handle(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        auth = endpoint.credentials(async_http_client=client)
        assert (await auth.afetch()).access_token == "token-2"


async def test_requests_that_always_stand_still_end_in_an_error_and_a_pause(
    endpoint: TokenEndpoint,
) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        endpoint.requests.append(request)
        endpoint.monotonic.advance(3_600)
        raise httpx.ReadTimeout("slow")

    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        auth = endpoint.credentials(async_http_client=client)
        for _ in range(5):
            with pytest.raises(TokenEndpointUnavailable, match="did not answer within 10 s"):
                await auth.afetch()
    assert len(endpoint.requests) == 3


async def test_time_out_without_a_gap_is_a_failure_at_once(endpoint: TokenEndpoint) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        endpoint.requests.append(request)
        raise httpx.ReadTimeout("slow")

    async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
        auth = endpoint.credentials(async_http_client=client)
        with pytest.raises(TokenEndpointUnavailable):
            await auth.afetch()
    assert len(endpoint.requests) == 1


def test_clock_that_is_set_back_ends_a_pause(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials()
    endpoint.answer = httpx.Response(500)
    with pytest.raises(TokenEndpointUnavailable):
        auth.fetch()
    endpoint.answer = None
    endpoint.monotonic.advance(-3_600)
    assert auth.fetch().access_token == "token-2"


# --- redirects -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_request_that_was_redirected_is_not_sent_again(
    endpoint: TokenEndpoint, status: int, mode: str
) -> None:
    asked: list[tuple[str, str, str]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        asked.append((request.method, request.url.path, token))
        if request.url.path == "/orders":
            return httpx.Response(status, headers={"location": "/v2/orders"})
        return httpx.Response(401)

    auth = endpoint.credentials()
    transport = httpx.MockTransport(handle)

    async def post() -> int:
        client = httpx.AsyncClient(transport=transport, auth=auth, follow_redirects=True)
        async with client:
            return (await client.post(f"{API}/orders", json={"n": 1})).status_code

    if mode == "async":
        assert asyncio.run(post()) == 401
    else:
        with httpx.Client(transport=transport, auth=auth, follow_redirects=True) as client:
            assert client.post(f"{API}/orders", json={"n": 1}).status_code == 401
    assert [path for _, path, _ in asked] == ["/orders", "/v2/orders"]
    # The token was refused all the same, so the next request has another.
    assert auth.fetch().access_token == "token-2"


# --- httpx2 --------------------------------------------------------------------------------------


class Api2:
    """An API for clients of httpx2 that refuses the first token."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.tokens.append(request.headers["authorization"].removeprefix("Bearer "))
        return httpx2.Response(401 if self.tokens[-1] == "token-1" else 200)


def test_client_of_httpx2_is_served(endpoint: TokenEndpoint) -> None:
    api = Api2()
    transport = httpx2.MockTransport(api.handle)
    with httpx2.Client(transport=transport, auth=endpoint.credentials()) as client:
        assert client.post(API, json={"n": 1}).status_code == 200
    assert api.tokens == ["token-1", "token-2"]


async def test_asynchronous_client_of_httpx2_is_served(endpoint: TokenEndpoint) -> None:
    api = Api2()
    transport = httpx2.MockTransport(api.handle)
    async with httpx2.AsyncClient(transport=transport, auth=endpoint.credentials()) as client:
        assert (await client.post(API, json={"n": 1})).status_code == 200
    assert api.tokens == ["token-1", "token-2"]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_token_request_is_sent_by_a_client_of_httpx2(endpoint: TokenEndpoint, mode: str) -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        answer = endpoint.handle(httpx.Request("POST", str(request.url), content=request.content))
        return httpx2.Response(answer.status_code, json=answer.json())

    transport = httpx2.MockTransport(handle)
    if mode == "sync":
        auth = endpoint.credentials(http_client=httpx2.Client(transport=transport))
        assert auth.fetch().access_token == "token-1"
    else:
        client = httpx2.AsyncClient(transport=transport)
        auth = endpoint.credentials(async_http_client=client)
        assert asyncio.run(auth.afetch()).access_token == "token-1"


def test_time_out_of_a_client_of_httpx2_is_told(endpoint: TokenEndpoint) -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("slow")

    client = httpx2.Client(transport=httpx2.MockTransport(handle))
    with pytest.raises(TokenEndpointUnavailable, match="it did not answer within 10 s"):
        endpoint.credentials(http_client=client).fetch()


# --- hosts and the environment -------------------------------------------------------------------


def test_plain_http_is_allowed_for_the_hosts_named_and_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    auth = make("http://kinde:8787", http_hosts=["kinde"])
    assert auth.issuer == "http://kinde:8787"
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("kinde_guard.client", "WARNING")
    assert "kinde" in record.getMessage()


@pytest.mark.parametrize("hosts", [(), ["other"], ["kinde.evil.test"]])
def test_plain_http_is_refused_for_any_other_host(hosts: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^domain: "):
        make("http://kinde:8787", http_hosts=hosts)


@pytest.mark.parametrize("hosts", ["kinde", ["http://kinde"], ["kinde:8787"], [""], [5], 5])
def test_hosts_that_make_no_sense_are_refused(hosts: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^http_hosts: "):
        make("acme.kinde.com", http_hosts=hosts)


def test_no_warning_without_plain_hosts(caplog: pytest.LogCaptureFixture) -> None:
    make()
    assert caplog.records == []


def test_host_of_kinde_is_read_from_its_third_variable(environ: pytest.MonkeyPatch) -> None:
    environ.delenv("KINDE_DOMAIN", raising=False)
    environ.delenv("KINDE_ISSUER_URL", raising=False)
    environ.setenv("KINDE_HOST", "https://acme.kinde.com")
    auth = ClientCredentials.from_env(client_id="a", client_secret="b", audience="c")
    assert auth.issuer == "https://acme.kinde.com"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY", "http_proxy"])
def test_loopback_is_not_asked_through_a_proxy(
    kinde: LocalKinde, environ: pytest.MonkeyPatch, variable: str
) -> None:
    environ.setenv(variable, "http://127.0.0.1:9")
    environ.setenv("NO_PROXY", "[::1]")
    assert credentials_for(kinde).fetch().scopes


def test_no_proxy_that_cannot_be_read_is_named(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("HTTPS_PROXY", "http://user:secret@127.0.0.1:9")
    environ.setenv("NO_PROXY", "[::1]")
    with pytest.raises(TokenEndpointUnavailable, match="see NO_PROXY") as caught:
        make().fetch()
    assert "secret@" not in str(caught.value)


def test_dead_proxy_is_told_by_its_variable(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("HTTPS_PROXY", f"http://127.0.0.1:{_free_port()}")
    with pytest.raises(TokenEndpointUnavailable) as caught:
        make().fetch()
    assert caught.value.problem == "through the proxy of HTTPS_PROXY: the connection was refused"


def test_loopback_without_a_server_asks_whether_local_kinde_runs() -> None:
    url = f"http://127.0.0.1:{_free_port()}"
    with pytest.raises(TokenEndpointUnavailable) as caught:
        make(url).fetch()
    assert str(caught.value) == (
        f"No token from {url}/oauth2/token: the connection was refused."
        " Is `kinde-guard local` running?"
    )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_clock_that_is_replaced_reaches_the_client(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = endpoint.credentials(clock=None)
    auth.fetch()
    later = time.time() + 86_399 - 5
    monkeypatch.setattr(time, "time", lambda: later)
    assert auth.fetch().access_token == "token-2"


def test_api_is_asked_with_the_token(endpoint: TokenEndpoint) -> None:
    api = Api()
    with api.client(endpoint.credentials()) as client:
        assert client.get("/users").status_code == 200
    assert api.tokens == ["token-1"]
