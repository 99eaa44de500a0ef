"""Starting, stopping and ending: on real sockets, with nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import anyio
import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from kinde_guard.local import LocalKinde, LoopbackServer, StartError
from tests.local.clients import ask, verified

JWKS = "/.well-known/jwks"


def servers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "loopback-server"]


def test_the_issuer_is_the_url_that_answers() -> None:
    with LocalKinde() as kinde:
        assert kinde.issuer.startswith("http://127.0.0.1:")
        configuration = httpx.get(f"{kinde.issuer}/.well-known/openid-configuration").json()
        assert configuration["issuer"] == kinde.issuer


def test_after_the_block_nothing_runs_and_connections_are_refused() -> None:
    with LocalKinde() as kinde:
        assert servers() == ["loopback-server"]
    assert servers() == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(kinde.issuer)


@pytest.mark.anyio
async def test_it_is_an_asynchronous_context_manager_too() -> None:
    async with LocalKinde() as kinde, httpx.AsyncClient() as client:
        assert (await client.get(kinde.issuer + JWKS)).status_code == 200
    assert servers() == []


@pytest.mark.anyio
async def test_a_cancelled_asynchronous_block_still_ends_the_server() -> None:
    with anyio.move_on_after(0.5) as scope:
        async with LocalKinde():
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert servers() == []


@pytest.mark.anyio
async def test_cancelled_while_starting_it_leaves_nothing_running() -> None:
    starting, go_on = threading.Event(), threading.Event()

    class Slow(LocalKinde):
        def start(self) -> None:
            starting.set()
            go_on.wait(10)
            super().start()

    async def enter() -> None:
        async with Slow():
            pytest.fail("it was cancelled before")

    task = asyncio.create_task(enter())
    await anyio.to_thread.run_sync(starting.wait)
    task.cancel()
    threading.Timer(0.1, go_on.set).start()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert servers() == []


def test_stop_and_start_keep_port_applications_keys_and_counters() -> None:
    with LocalKinde() as kinde:
        issuer, applications, raw = kinde.issuer, kinde.applications, kinde.token()
        httpx.get(issuer + JWKS)
        kinde.stop()
        with pytest.raises(httpx.ConnectError):
            httpx.get(issuer)
        kinde.start()

        assert (kinde.issuer, kinde.applications) == (issuer, applications)
        assert kinde.jwks_requests == 1
        with httpx.Client(base_url=issuer) as http:
            assert verified(http, raw)["iss"] == issuer
            assert ask(http, applications[0]).status_code == 200


def test_tokens_can_be_minted_while_it_is_stopped() -> None:
    with LocalKinde() as kinde:
        kinde.stop()
        assert kinde.token().count(".") == 2


def test_starting_and_stopping_twice_does_no_harm() -> None:
    with LocalKinde() as kinde:
        kinde.start()
        assert servers() == ["loopback-server"]
        kinde.stop()
        kinde.stop()
    kinde.close()


def test_started_again_after_its_end_it_is_a_new_tenant_on_the_same_port() -> None:
    kinde = LocalKinde()
    with kinde:
        issuer, first = kinde.issuer, kinde.applications
    with kinde:
        assert kinde.issuer == issuer
        assert kinde.applications != first


def test_counters_can_be_read_after_the_end() -> None:
    with LocalKinde() as kinde:
        httpx.get(kinde.issuer + JWKS)
    assert kinde.jwks_requests == 1


def test_several_at_once_are_strangers_to_each_other() -> None:
    with LocalKinde() as one, LocalKinde() as other:
        assert one.issuer != other.issuer
        with httpx.Client(base_url=other.issuer) as http:
            assert ask(http, one.applications[0]).status_code == 401
            answer = http.post(
                "/oauth2/introspect", data={"token": one.token()}, headers=other.authorization()
            )
            assert answer.json() == {"active": False}
        one.fail("status")
        assert httpx.get(other.issuer + JWKS).status_code == 200


def test_it_stops_at_once_though_a_slow_answer_is_under_way(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with LocalKinde() as kinde:
        kinde.fail("slow", seconds=60)
        done = threading.Event()

        def request() -> None:
            try:
                httpx.get(kinde.issuer + JWKS, timeout=60)
            except httpx.TransportError:
                pass
            finally:
                done.set()

        threading.Thread(target=request).start()
        while not kinde.jwks_requests:
            time.sleep(0.01)
        began = time.monotonic()
        kinde.stop()

        assert time.monotonic() - began < 5
        assert done.wait(5)
        # Otherwise uvicorn would wait, then cancel the answer and complain.
        assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_port_that_is_taken_is_a_clear_error_and_nothing_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError) as caught, LocalKinde(port=port):
            pytest.fail("the port is taken")

    assert f"127.0.0.1 port {port}" in str(caught.value)
    assert "Address already in use" in str(caught.value)
    assert "port 0 for a free one" in str(caught.value)
    assert servers() == []


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_cannot_be_is_refused_when_it_is_named(port: int) -> None:
    with pytest.raises(ValueError, match=f"port must be from 0 to 65535; got {port}"):
        LocalKinde(port=port)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.0.1", "example.com", "127.0.0.1.example.com", "8.8.8.8"]
)
def test_a_host_that_is_not_loopback_is_refused_when_it_is_named(host: str) -> None:
    with pytest.raises(ValueError, match="host must be a loopback address"):
        LocalKinde(host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_every_loopback_host_stands_in_the_issuer_as_it_was_given(host: str) -> None:
    try:
        with LocalKinde(host=host) as kinde:
            url = httpx.URL(kinde.issuer)
            assert (url.host, httpx.get(kinde.issuer + JWKS).status_code) == (host, 200)
    except StartError as error:  # pragma: no cover - not every machine has ::1
        pytest.skip(str(error))


def test_before_the_start_it_says_how_to_start_it() -> None:
    with pytest.raises(RuntimeError, match=r"with LocalKinde\(\) as kinde"):
        _ = LocalKinde().issuer


def test_it_says_on_start_that_it_is_for_development(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "kinde_guard.local"), LocalKinde() as kinde:
        pass
    messages = [entry.message for entry in caplog.records if entry.name == "kinde_guard.local"]
    assert messages == [f"Local Kinde serves {kinde.issuer}, for development and tests only."]


def test_it_leaves_the_loggers_of_other_servers_alone() -> None:
    def state() -> list[object]:
        loggers = [logging.getLogger(name) for name in ("uvicorn.error", "uvicorn.access")]
        return [(each.level, list(each.handlers), each.propagate) for each in loggers]

    before = state()
    with LocalKinde():
        assert state() == before


@pytest.mark.parametrize("ending", ["", "kinde.stop()", "del kinde", "raise SystemExit(0)"])
def test_a_program_that_forgets_to_stop_it_still_ends(ending: str) -> None:
    program = (
        f"from kinde_guard.local import LocalKinde\nkinde = LocalKinde()\nkinde.start()\n{ending}\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_importing_the_guard_does_not_import_local_kinde() -> None:
    program = "import sys, kinde_guard; print([m for m in sys.modules if 'kinde_guard.local' in m])"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout == "[]\n"


def test_without_uvicorn_the_import_says_what_to_install() -> None:
    program = "import sys; sys.modules['uvicorn'] = None; import kinde_guard.local"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    last_line = ran.stderr.splitlines()[-1]
    assert last_line == (
        "ModuleNotFoundError: Local Kinde needs uvicorn: install kinde-guard with its extra local."
    )


def test_a_database_file_keeps_the_tenant_and_its_keys(tmp_path: Path) -> None:
    file = tmp_path / "kinde.db"
    with LocalKinde(database=file) as kinde:
        kinde.rotate_keys(keep_old=True)
        port = httpx.URL(kinde.issuer).port
        applications, raw = kinde.applications, kinde.token()
        keys = httpx.get(kinde.issuer + JWKS).json()
    for _ in range(2):
        with LocalKinde(database=file, port=port or 0) as kinde:
            assert kinde.applications == applications
            assert httpx.get(kinde.issuer + JWKS).json() == keys
            with httpx.Client(base_url=kinde.issuer) as http:
                assert verified(http, raw)["iss"] == kinde.issuer


async def _hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


def test_a_loopback_server_serves_any_application_and_tells_it_its_url() -> None:
    urls: list[str] = []

    def make_app(url: str) -> object:
        urls.append(url)
        return _hello

    server = LoopbackServer(make_app)  # type: ignore[arg-type]
    assert (server.port, server.is_running) == (0, False)
    server.start()
    try:
        assert server.is_running
        assert urls == [server.url] == [f"http://127.0.0.1:{server.port}"]
        assert httpx.get(server.url).text == "hello"
    finally:
        server.stop()
    assert (server.is_running, servers()) == (False, [])


def test_an_answer_does_not_wait_for_acknowledgements() -> None:
    with LocalKinde() as kinde, httpx.Client() as http:

        def seconds() -> float:
            began = time.perf_counter()
            http.get(kinde.issuer + JWKS)
            return time.perf_counter() - began

        # Waiting costs every answer 40 ms, but for the first ones of a connection: the fastest of
        # the later ones tells, however busy the machine.
        assert min([seconds() for _ in range(40)][20:]) < 0.03


def test_a_loopback_server_that_is_forgotten_ends() -> None:
    server = LoopbackServer(lambda _: _hello)
    server.start()
    del server
    gc.collect()
    assert servers() == []


def test_an_application_that_cannot_be_made_leaves_the_port_free() -> None:
    def make_app(url: str) -> object:
        raise KeyError(url)

    server = LoopbackServer(make_app)  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        server.start()
    socket.create_server(("127.0.0.1", server.port)).close()


def test_an_application_that_will_not_let_go_is_told_of_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    called, let_go = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            called.set()
            let_go.wait(10)

    monkeypatch.setattr("kinde_guard.local.server.STOP_TIMEOUT", 0.05)
    server = LoopbackServer(lambda _: app)
    server.start()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        called.wait(10)
        server.stop()
        let_go.set()
    for thread in threading.enumerate():
        if thread.name == "loopback-server":
            thread.join(10)

    messages = [entry.message for entry in caplog.records if entry.name == "kinde_guard.local"]
    assert messages == ["A loopback server did not stop within 0.05 s."]


def test_an_application_whose_lifespan_fails_is_a_start_error() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    server = LoopbackServer(lambda _: app)
    with pytest.raises(StartError, match="did not start; its log says why"):
        server.start()
    assert (server.is_running, servers()) == (False, [])
