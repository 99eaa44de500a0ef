"""What a failed fetch of keys tells: why, for how long to wait, and whether the guard is broken."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from email.utils import formatdate

import httpx
import pytest

from kinde_guard import KeysUnavailable, RemoteKeySet
from kinde_guard.keys.fetch import KeySetFetcher
from kinde_guard.keys.retry_after import retry_after
from kinde_guard.keys.threaded_refresh import ThreadedRefresh
from kinde_guard.vocabulary.attempt import Attempt
from kinde_guard.vocabulary.network import describe_failure
from tests.core.conftest import MakeKeys
from tests.core.exchange import eventually, settle
from tests.mint import (
    KID,
    NOW,
    OTHER_KID,
    FrozenClock,
    KeyServer,
    LoopbackKeyServer,
    SigningKey,
    jwks,
)

pytestmark = pytest.mark.anyio

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


async def failed(keys: RemoteKeySet) -> KeysUnavailable:
    with pytest.raises(KeysUnavailable) as caught:
        await keys.refresh()
    return caught.value


# --- Retry-After ---------------------------------------------------------------------------------

DATE = formatdate(NOW, usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 120 "}, 120),
        ({"retry-after": "0"}, 0),
        ({"retry-after": formatdate(NOW + 90, usegmt=True), "date": DATE}, 90),
        ({"retry-after": formatdate(NOW - 90, usegmt=True), "date": DATE}, 0),
        ({"retry-after": "9" * 400}, 999_999_999),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "1.5"}, 0),
        ({"retry-after": "\u0661"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "Wed, 99 Oct 2026 07:28:00 GMT"}, 0),
        ({"retry-after": ""}, 0),
        ({}, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers) == seconds


def test_date_is_compared_with_this_clock_where_the_answer_has_none() -> None:
    assert 55 < retry_after({"retry-after": formatdate(usegmt=True, timeval=_in(60))}) <= 60


def _in(seconds: float) -> float:
    import time  # noqa: PLC0415

    return time.time() + seconds


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("asked", "pause"), [(7, 7), (300, 300), (3_600, 300), (10**8, 300)])
async def test_busy_server_is_left_alone_for_up_to_five_minutes_without_keys(
    make_keys: MakeKeys,
    key_server: KeyServer,
    monotonic: FrozenClock,
    status: int,
    asked: int,
    pause: int,
) -> None:
    keys = make_keys()
    key_server.fail(httpx.Response(status, headers={"retry-after": str(asked)}))
    assert (await failed(keys)).retry_after == pause
    monotonic.advance(pause - 0.5)
    assert (await failed(keys)).retry_after == 1
    assert key_server.fetches == 1
    key_server.recover()
    monotonic.advance(0.5)
    assert len(await keys.find(KID)) == 1


@pytest.mark.parametrize(("asked", "pause"), [(7, 7), (3_600, 3_600), (10**8, 3_600)])
async def test_busy_server_is_left_alone_for_up_to_an_hour_while_keys_serve(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock, asked: int, pause: int
) -> None:
    keys = make_keys()
    await keys.refresh()
    key_server.fail(httpx.Response(503, headers={"retry-after": str(asked)}))
    monotonic.advance(601)
    for _ in range(3):
        assert len(await keys.find(KID)) == 1
        await settle()
    monotonic.advance(pause - 0.5)
    assert len(await keys.find(KID)) == 1
    await settle()
    assert key_server.fetches == 2
    key_server.recover()
    monotonic.advance(0.5)
    assert len(await keys.find(KID)) == 1
    await eventually(lambda: key_server.fetches == 3 and keys.age == 0)


async def test_pause_of_an_hour_is_one_of_five_minutes_once_the_keys_are_too_old(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys(stale_for=100)
    await keys.refresh()
    key_server.fail(httpx.Response(503, headers={"retry-after": "3600"}))
    monotonic.advance(601)
    await keys.find(KID)
    await settle()
    monotonic.advance(299)
    assert (await failed(keys)).retry_after == 1
    key_server.recover()
    monotonic.advance(1)
    assert len(await keys.find(KID)) == 1
    assert key_server.fetches == 3


@pytest.mark.parametrize(
    ("status", "value"), [(500, "100"), (404, "100"), (503, "soon"), (503, "-1"), (429, "")]
)
async def test_other_statuses_and_garbage_ask_for_nothing(
    make_keys: MakeKeys, key_server: KeyServer, status: int, value: str
) -> None:
    keys = make_keys()
    key_server.fail(httpx.Response(status, headers={"retry-after": value}))
    assert (await failed(keys)).retry_after == 1


async def test_shorter_wish_than_the_back_off_does_not_shorten_it(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    key_server.fail(httpx.Response(503, headers={"retry-after": "1"}))
    for pause in (1, 2, 4, 8):
        await failed(keys)
        monotonic.advance(pause)
    assert (await failed(keys)).retry_after >= 12


# --- several event loops -------------------------------------------------------------------------


async def test_slower_and_older_answer_does_not_replace_a_newer_one(
    key: SigningKey, other_key: SigningKey, monotonic: FrozenClock
) -> None:
    holding, release = threading.Event(), threading.Event()
    answers = iter([(jwks(key), True), (jwks(other_key), False)])

    async def answer(_: httpx.Request) -> httpx.Response:
        document, is_slow = next(answers)
        if is_slow:
            holding.set()
            await asyncio.to_thread(release.wait, 10)
        return httpx.Response(200, json=document)

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    keys = RemoteKeySet("https://acme.example/jwks", http_client=client, monotonic=monotonic)
    slower = threading.Thread(target=lambda: asyncio.run(keys.refresh()))
    slower.start()
    assert await asyncio.to_thread(holding.wait, 10)
    assert len((await keys.refresh()).find(OTHER_KID)) == 1
    release.set()
    await asyncio.to_thread(slower.join, 10)
    assert [each.kid for each in keys.current_or_none or ()] == [OTHER_KID]


async def test_older_failure_does_not_begin_a_pause_after_a_newer_success(
    key: SigningKey, monotonic: FrozenClock
) -> None:
    holding, release = threading.Event(), threading.Event()
    slow = iter([True, False])

    async def answer(_: httpx.Request) -> httpx.Response:
        if next(slow):
            holding.set()
            await asyncio.to_thread(release.wait, 10)
            return httpx.Response(500)
        return httpx.Response(200, json=jwks(key))

    told: list[bool] = []
    keys = RemoteKeySet(
        "https://acme.example/jwks",
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(answer)),
        monotonic=monotonic,
        on_fetch=told.append,
    )
    older = threading.Thread(target=lambda: asyncio.run(keys.refresh()))
    older.start()
    assert await asyncio.to_thread(holding.wait, 10)
    await keys.refresh()
    release.set()
    await asyncio.to_thread(older.join, 10)
    assert (told, keys.last_error) == ([True, False], None)


# --- programming errors --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [AttributeError, TypeError, ImportError, ModuleNotFoundError])
async def test_programming_error_is_logged_once_with_its_traceback_and_is_a_failed_fetch(
    make_keys: MakeKeys,
    key_server: KeyServer,
    monotonic: FrozenClock,
    caplog: pytest.LogCaptureFixture,
    kind: type[Exception],
) -> None:
    told: list[bool] = []
    keys = make_keys(on_fetch=told.append)
    key_server.fail(kind("module 'httpx' has no attribute 'AsyncClient'"))
    for pause in (1, 2, 4):
        await failed(keys)
        monotonic.advance(pause)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.name == "kinde_guard.keys"
    assert record.exc_info is not None
    assert record.exc_info[0] is kind
    assert record.exc_info[2] is not None
    assert told == [False] * 3
    # The text of the error stands in the traceback alone.
    assert keys.last_error == kind.__name__


async def test_outage_is_logged_without_a_traceback(
    make_keys: MakeKeys, key_server: KeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    key_server.fail(httpx.ConnectError("refused"))
    keys = make_keys()
    await failed(keys)
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert record.getMessage() == f"fetching {keys.url} failed (ConnectError), next try in 1.0 s"


# --- causes in words -----------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def test_refused_connection_is_told(caplog: pytest.LogCaptureFixture) -> None:
    keys = RemoteKeySet(f"http://127.0.0.1:{free_port()}/jwks")
    await failed(keys)
    assert keys.last_error == "the connection was refused"
    assert "(the connection was refused)" in caplog.text


async def test_name_that_does_not_resolve_is_told(environ: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    environ.setattr(socket, "getaddrinfo", getaddrinfo)
    keys = RemoteKeySet("https://nowhere.invalid/jwks")
    await failed(keys)
    assert keys.last_error == "the host name cannot be resolved"


async def test_certificate_that_is_not_trusted_is_told() -> None:
    from kinde_guard.local import LocalKinde  # noqa: PLC0415

    with LocalKinde(tls=True) as kinde:
        keys = RemoteKeySet(f"{kinde.issuer}/.well-known/jwks")
        await failed(keys)
    assert keys.last_error is not None
    assert keys.last_error.startswith("the certificate is not trusted: ")


async def test_proxy_that_is_dead_is_told_by_its_variable(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{free_port()}")
    keys = RemoteKeySet("https://acme.example/jwks")
    await failed(keys)
    assert keys.last_error == "through the proxy of HTTPS_PROXY: the connection was refused"


async def test_time_out_is_told(make_keys: MakeKeys, key_server: KeyServer) -> None:
    keys = make_keys(timeout=0.05)
    key_server.hold()
    await failed(keys)
    assert keys.last_error == "timed out"
    key_server.release()


async def test_status_is_told_and_success_ends_the_last_error(
    make_keys: MakeKeys, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    keys = make_keys()
    assert keys.last_error is None
    key_server.fail(502)
    await failed(keys)
    assert keys.last_error == "the status is 502"
    key_server.recover()
    monotonic.advance(1)
    await keys.refresh()
    assert keys.last_error is None


# --- proxies -------------------------------------------------------------------------------------


@pytest.fixture
def loopback(key: SigningKey) -> Iterator[LoopbackKeyServer]:
    server = LoopbackKeyServer()
    server.publish(key)
    with server.running():
        yield server


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_loopback_is_not_asked_through_a_proxy(
    loopback: LoopbackKeyServer, environ: pytest.MonkeyPatch, host: str, variable: str
) -> None:
    environ.setenv(variable, "http://127.0.0.1:9")
    url = loopback.issuer.replace("127.0.0.1", host)
    assert len(await RemoteKeySet(f"{url}/jwks").refresh()) == 1


@pytest.mark.parametrize("value", ["[::1]", "localhost,[::1]", "fd00::/8"])
async def test_loopback_is_asked_whatever_no_proxy_holds(
    loopback: LoopbackKeyServer, environ: pytest.MonkeyPatch, value: str
) -> None:
    environ.setenv("NO_PROXY", value)
    environ.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert len(await RemoteKeySet(f"{loopback.issuer}/jwks").refresh()) == 1


@pytest.mark.parametrize("value", ["[::1]", "fd00::/8"])
async def test_no_proxy_that_the_http_client_cannot_read_is_named(
    environ: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    environ.setenv("NO_PROXY", value)
    environ.setenv("HTTPS_PROXY", "http://user:secret@127.0.0.1:9")
    keys = RemoteKeySet("https://acme.example/jwks")
    await failed(keys)
    expected = "the environment's proxy settings cannot be used: see NO_PROXY (InvalidURL)"
    assert keys.last_error == expected
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert expected in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("value", ["socks5://user:secret@127.0.0.1:9", "gopher://user:secret@x"])
async def test_proxy_that_the_http_client_does_not_speak_is_named(
    environ: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    environ.setenv("ALL_PROXY", value)
    keys = RemoteKeySet("https://acme.example/jwks")
    await failed(keys)
    assert keys.last_error is not None
    assert keys.last_error.startswith(
        "the environment's proxy settings cannot be used: see ALL_PROXY ("
    )
    assert "secret" not in caplog.text


async def test_settings_that_are_wrong_without_a_proxy_are_not_blamed_on_one(
    environ: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("no such thing")

    environ.setattr(httpx, "AsyncClient", refuse)
    fetcher = KeySetFetcher("http://127.0.0.1/", timeout=5, max_bytes=10, http_client=None)
    with pytest.raises(ValueError, match="no such thing"):
        fetcher._new_client(ssl.create_default_context())


# --- the parts -----------------------------------------------------------------------------------


async def test_current_keys_cannot_be_had_where_there_never_were_any(
    make_keys: MakeKeys, key_server: KeyServer
) -> None:
    key_server.fail(500)
    with pytest.raises(KeysUnavailable):
        await make_keys().current()


def test_cause_in_a_group_of_exceptions_is_told() -> None:
    group = ExceptionGroup("both", [OSError("x"), ConnectionRefusedError()])
    assert describe_failure(group) == "the connection was refused"


def test_host_that_no_proxy_names_is_not_said_to_fail_through_one(
    environ: pytest.MonkeyPatch,
) -> None:
    environ.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    environ.setenv("NO_PROXY", "acme.example")
    error = ConnectionRefusedError()
    assert describe_failure(error, "https://acme.example/") == "the connection was refused"


def test_attempt_that_is_not_watched_stood_still_only_past_twice_its_timeout(
    monotonic: FrozenClock,
) -> None:
    attempt = Attempt(0, 5, monotonic)
    attempt.is_watched = False
    monotonic.advance(11)
    attempt.look()
    assert not attempt.stood_still
    monotonic.advance(1)
    attempt.look()
    assert attempt.stood_still


def test_refresh_that_another_thread_is_starting_is_not_started_again() -> None:
    started: list[int] = []

    def no_loop() -> None:
        raise RuntimeError

    async def refresh() -> None:
        started.append(1)

    threaded = ThreadedRefresh(no_loop, refresh, lambda _: None)
    with threaded._starting:
        threaded.start()
    assert started == []
