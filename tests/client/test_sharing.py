"""One token request serves all who wait, and none of them can spoil it for the others."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from kinde_guard.client import ClientCredentials, TokenEndpointUnavailable
from kinde_guard.local import LocalKinde
from tests.client.token_endpoint import TokenEndpoint

MANY = 1_000


def credentials_for(kinde: LocalKinde, **settings: Any) -> ClientCredentials:
    application = kinde.applications[0]
    return ClientCredentials(
        kinde.issuer,
        client_id=application.client_id,
        client_secret=application.client_secret,
        audience=kinde.audience,
        **settings,
    )


@pytest.fixture
def auth(kinde: LocalKinde) -> ClientCredentials:
    return credentials_for(kinde)


def in_threads(work: Callable[[], object], count: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def joined(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_thousand_first_calls_of_tasks_make_one_request(
    auth: ClientCredentials, kinde: LocalKinde
) -> None:
    async def main() -> set[str]:
        grants = await asyncio.gather(*(auth.afetch() for _ in range(MANY)))
        return {grant.access_token for grant in grants}

    assert len(asyncio.run(main())) == 1
    assert kinde.token_requests == 1


def test_thousand_first_calls_of_threads_make_one_request(
    auth: ClientCredentials, kinde: LocalKinde
) -> None:
    tokens: list[str] = []
    joined(in_threads(lambda: tokens.append(auth.fetch().access_token), MANY))
    assert (len(tokens), len(set(tokens)), kinde.token_requests) == (MANY, 1, 1)


def test_first_calls_of_threads_and_tasks_in_several_loops_make_one_request(
    auth: ClientCredentials, kinde: LocalKinde
) -> None:
    tokens: list[str] = []

    async def main() -> None:
        grants = await asyncio.gather(*(auth.afetch() for _ in range(MANY // 4)))
        tokens.extend(grant.access_token for grant in grants)

    loops = in_threads(lambda: asyncio.run(main()), 3)
    threads = in_threads(lambda: tokens.append(auth.fetch().access_token), MANY // 4)
    joined(loops + threads)
    assert (len(tokens), len(set(tokens)), kinde.token_requests) == (MANY, 1, 1)


def test_thousand_requests_through_an_async_client_make_one_token_request(
    auth: ClientCredentials, kinde: LocalKinde
) -> None:
    async def main() -> list[httpx.Response]:
        transport = httpx.MockTransport(lambda _: httpx.Response(200))
        async with httpx.AsyncClient(transport=transport, auth=auth) as client:
            return await asyncio.gather(*(client.get("https://api.test/") for _ in range(MANY)))

    sent = {response.request.headers["authorization"] for response in asyncio.run(main())}
    assert (len(sent), kinde.token_requests) == (1, 1)


def test_two_event_loops_one_after_another_use_one_token(
    auth: ClientCredentials, kinde: LocalKinde
) -> None:
    first = asyncio.run(auth.afetch())
    assert asyncio.run(auth.afetch()) is first
    assert kinde.token_requests == 1


def test_cancelled_waiters_do_not_take_the_others_down(endpoint: TokenEndpoint) -> None:
    auth = endpoint.credentials()
    endpoint.gate.clear()

    async def main() -> None:
        tasks = [asyncio.create_task(auth.afetch()) for _ in range(20)]
        await asyncio.sleep(0.02)
        for task in tasks[:19]:
            task.cancel()
        await asyncio.sleep(0)
        endpoint.gate.set()
        assert (await tasks[19]).access_token == "token-1"
        assert all(task.cancelled() for task in tasks[:19])

    asyncio.run(main())
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("client", ["none", "async"])
def test_cancelling_the_only_waiter_leaves_a_token_for_the_next(
    kinde: LocalKinde, client: str
) -> None:
    async def main() -> None:
        async with httpx.AsyncClient() as http:
            auth = credentials_for(kinde, async_http_client=http if client == "async" else None)
            with kinde.fail("slow", endpoint="token", seconds=0.2):
                task = asyncio.create_task(auth.afetch())
                while not kinde.token_requests:
                    await asyncio.sleep(0.005)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await auth.afetch()
        assert kinde.token_requests == 1

    asyncio.run(main())


def test_loop_that_ends_while_waiting_hands_on_to_a_thread(
    endpoint: TokenEndpoint, caplog: pytest.LogCaptureFixture
) -> None:
    hanging = True

    async def handle(request: httpx.Request) -> httpx.Response:
        if hanging:
            endpoint.requests.append(request)
            await asyncio.sleep(60)
        return endpoint.handle(request)

    async_client = httpx.AsyncClient(transport=httpx.MockTransport(handle))
    auth = endpoint.credentials(async_http_client=async_client)
    found: list[str] = []

    async def main() -> None:
        nonlocal hanging
        task = asyncio.create_task(auth.afetch())
        await asyncio.sleep(0.02)
        threads.extend(in_threads(lambda: found.append(auth.fetch().access_token), 5))
        await asyncio.sleep(0.05)
        hanging = False
        task.cancel()  # and asyncio.run cancels the request's own task

    threads: list[threading.Thread] = []
    asyncio.run(main())
    joined(threads)
    assert found == ["token-2"] * 5
    assert len(endpoint.requests) == 2
    assert caplog.records == []


def test_sync_call_in_the_loop_that_carries_the_request_does_not_wait_for_itself(
    endpoint: TokenEndpoint,
) -> None:
    async_client = httpx.AsyncClient(transport=httpx.MockTransport(endpoint.handle))
    auth = endpoint.credentials(async_http_client=async_client)

    async def main() -> tuple[str, str]:
        task = asyncio.create_task(auth.afetch())
        await asyncio.sleep(0)  # the request's task exists, but did not begin
        grant = auth.fetch()
        return grant.access_token, (await task).access_token

    started = time.monotonic()
    assert asyncio.run(main())[0] == "token-1"
    assert time.monotonic() - started < 5


def test_forked_child_does_not_wait_for_the_parents_request(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = endpoint.credentials()
    endpoint.gate.clear()
    threads = in_threads(auth.fetch, 1)
    until(lambda: len(endpoint.requests) == 1)
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        threads += in_threads(auth.fetch, 1)
        until(lambda: len(endpoint.requests) == 2)
        endpoint.gate.set()
        joined(threads)


def test_thread_that_cannot_be_started_is_a_typed_error(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    auth = endpoint.credentials()
    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", start)
        with pytest.raises(TokenEndpointUnavailable, match="can't start new thread"):
            auth.fetch()
    endpoint.monotonic.advance(1)
    assert auth.fetch().access_token == "token-1"


def test_interrupt_at_take_off_leaves_nothing_behind(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    auth = endpoint.credentials()
    with monkeypatch.context() as interrupted:
        interrupted.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(KeyboardInterrupt):
            auth.fetch()
    assert auth.fetch().access_token == "token-1"


@pytest.fixture
def busy_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("busy_switching")
def test_caller_between_two_flights_makes_no_second_request(endpoint: TokenEndpoint) -> None:
    for round_ in range(1, 41):
        auth = endpoint.credentials()
        joined(in_threads(auth.fetch, 16))
        assert len(endpoint.requests) == round_
