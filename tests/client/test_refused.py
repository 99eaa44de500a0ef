"""A 401 from the API drops the token that was refused, and tries once more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from kinde_guard.client import TokenRequestError
from tests.client.token_endpoint import API, Api, TokenEndpoint

pytestmark = pytest.mark.anyio


def test_refused_token_is_replaced_and_the_request_sent_once_more(endpoint: TokenEndpoint) -> None:
    api = Api(refused=("token-1",))
    with api.client(endpoint.credentials()) as client:
        assert client.post("/users", json={"name": "Ada"}).status_code == 200
        assert client.get("/users").status_code == 200
    assert api.tokens == ["token-1", "token-2", "token-2"]
    assert api.bodies == [b'{"name":"Ada"}'] * 2 + [b""]
    assert len(endpoint.requests) == 2


async def test_refused_token_is_replaced_for_an_async_client(endpoint: TokenEndpoint) -> None:
    api = Api(refused=("token-1",))
    async with api.async_client(endpoint.credentials()) as client:
        assert (await client.post("/users", json={"name": "Ada"})).status_code == 200
    assert (api.tokens, len(endpoint.requests)) == (["token-1", "token-2"], 2)
    assert api.bodies == [b'{"name":"Ada"}'] * 2


def test_second_401_is_handed_back(endpoint: TokenEndpoint) -> None:
    api = Api(refused=("token-1", "token-2"))
    with api.client(endpoint.credentials()) as client:
        assert client.get("/users").status_code == 401
    assert (api.tokens, len(endpoint.requests)) == (["token-1", "token-2"], 2)


def test_api_that_refuses_every_token_costs_one_in_a_cooldown(endpoint: TokenEndpoint) -> None:
    api = Api(refused=tuple(f"token-{number}" for number in range(1, 100)))
    with api.client(endpoint.credentials()) as client:
        assert {client.get("/users").status_code for _ in range(50)} == {401}
        assert len(endpoint.requests) == 2
        endpoint.monotonic.advance(30)
        assert {client.get("/users").status_code for _ in range(50)} == {401}
    assert len(endpoint.requests) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_other_statuses_are_handed_back(endpoint: TokenEndpoint, status: int) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status))
    with httpx.Client(transport=transport, auth=endpoint.credentials()) as client:
        assert client.get(API).status_code == status
    assert len(endpoint.requests) == 1


async def test_thousand_refused_at_once_make_one_more_request(endpoint: TokenEndpoint) -> None:
    api = Api(refused=("token-1",))
    auth = endpoint.credentials()
    await auth.afetch()
    async with api.async_client(auth) as client:
        answers = await asyncio.gather(*(client.get("/users") for _ in range(1_000)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(endpoint.requests) == 2


def test_threads_refused_at_once_make_one_more_request(endpoint: TokenEndpoint) -> None:
    together = threading.Barrier(30)
    statuses: list[int] = []

    def handle(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] != "Bearer token-1":
            return httpx.Response(200)
        together.wait(10)
        return httpx.Response(401)

    auth = endpoint.credentials()
    with httpx.Client(transport=httpx.MockTransport(handle), auth=auth) as client:
        threads = [
            threading.Thread(target=lambda: statuses.append(client.get(API).status_code))
            for _ in range(30)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert (statuses, len(endpoint.requests)) == ([200] * 30, 2)


def test_late_401_for_an_old_token_leaves_the_newer_one(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials()
    newer: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        if not newer:
            auth.forget()
            newer.append(auth.fetch().access_token)
            return httpx.Response(401)
        return httpx.Response(200, text=request.headers["authorization"])

    with httpx.Client(transport=httpx.MockTransport(handle), auth=auth) as client:
        assert client.get(API).text == "Bearer token-2"
    assert (auth.fetch().access_token, len(endpoint.requests)) == ("token-2", 2)


class Wire(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Takes a body as a socket does, once; httpx's MockTransport would keep it."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        return self._answer(request, b"".join(request.stream))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        return self._answer(request, b"".join([chunk async for chunk in request.stream]))

    def _answer(self, request: httpx.Request, body: bytes) -> httpx.Response:
        headers = {"authorization": request.headers["authorization"]}
        return self._api.handle(httpx.Request("POST", request.url, headers=headers, content=body))


def test_stream_is_sent_once_and_the_next_request_has_a_new_token(endpoint: TokenEndpoint) -> None:
    def body() -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    api = Api(refused=("token-1",))
    with httpx.Client(transport=Wire(api), auth=endpoint.credentials()) as client:
        assert client.post(API, content=body()).status_code == 401
        assert client.post(API, content=body()).status_code == 200
    assert (api.tokens, api.bodies) == (["token-1", "token-2"], [b"onetwo"] * 2)


async def test_async_stream_is_sent_once(endpoint: TokenEndpoint) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"one"

    api = Api(refused=("token-1",))
    async with httpx.AsyncClient(transport=Wire(api), auth=endpoint.credentials()) as client:
        assert (await client.post(API, content=body())).status_code == 401
        assert (await client.post(API, content=body())).status_code == 200
    assert (api.tokens, api.bodies) == (["token-1", "token-2"], [b"one"] * 2)


def test_upload_is_sent_once(endpoint: TokenEndpoint) -> None:
    api = Api(refused=("token-1",))
    with httpx.Client(transport=Wire(api), auth=endpoint.credentials()) as client:
        assert client.post(API, files={"file": b"content"}).status_code == 401
        assert client.post(API, files={"file": b"content"}).status_code == 200
    assert api.tokens == ["token-1", "token-2"]


def test_replacement_that_fails_says_why(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials()
    auth.fetch()
    endpoint.answer = httpx.Response(401, json={"error": "invalid_client"})
    with Api(refused=("token-1",)).client(auth) as client:
        with pytest.raises(TokenRequestError, match="invalid_client"):
            client.get("/users")
        endpoint.answer = None
        endpoint.monotonic.advance(1)
        assert client.get("/users").status_code == 200


def test_redirect_to_another_host_takes_no_token_there(endpoint: TokenEndpoint) -> None:
    seen: list[tuple[str, bool]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, "authorization" in request.headers))
        if request.url.host == "api.acme.com":
            return httpx.Response(302, headers={"location": "https://elsewhere.test/"})
        return httpx.Response(401)

    auth = endpoint.credentials()
    transport = httpx.MockTransport(handle)
    with httpx.Client(transport=transport, auth=auth, follow_redirects=True) as client:
        assert client.get(API).status_code == 401
    assert seen == [("api.acme.com", True), ("elsewhere.test", False)]
    assert (auth.fetch().access_token, len(endpoint.requests)) == ("token-1", 1)
