"""Servers in a thread of this process, so that a test can move the clock of their guard."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, cast

import hypercorn.asyncio
import hypercorn.trio
import trio
import uvicorn
from hypercorn.config import Config
from hypercorn.typing import Framework
from starlette.types import ASGIApp

from tests.attack.deployment.commands import free_port, until

Run = Callable[[ASGIApp, int, threading.Event], None]


def _uvicorn(websockets: str, app: ASGIApp, port: int, stop: threading.Event) -> None:
    config = uvicorn.Config(app, port=port, ws=websockets, log_level="info", lifespan="on")
    server = uvicorn.Server(config)

    def wait_and_stop() -> None:
        stop.wait()
        server.should_exit = True

    waiting = threading.Thread(target=wait_and_stop)
    waiting.start()
    server.run()
    waiting.join()


def _hypercorn(port: int) -> Config:
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.graceful_timeout = 1
    return config


def _hypercorn_on_asyncio(app: ASGIApp, port: int, stop: threading.Event) -> None:
    async def stopped() -> None:
        while not stop.is_set():
            await asyncio.sleep(0.01)

    serve = hypercorn.asyncio.serve(
        cast("Framework", app), _hypercorn(port), shutdown_trigger=stopped
    )
    asyncio.run(serve)


def _hypercorn_on_trio(app: ASGIApp, port: int, stop: threading.Event) -> None:
    async def stopped() -> None:
        while not stop.is_set():
            await trio.sleep(0.01)

    serve = partial(hypercorn.trio.serve, shutdown_trigger=stopped)
    trio.run(serve, cast("Framework", app), _hypercorn(port))


SERVERS: Final[dict[str, Run]] = {
    "uvicorn-sansio": partial(_uvicorn, "websockets-sansio"),
    "uvicorn-wsproto": partial(_uvicorn, "wsproto"),
    "hypercorn-asyncio": _hypercorn_on_asyncio,
    "hypercorn-trio": _hypercorn_on_trio,
}


@contextmanager
def serving(name: str, app: ASGIApp) -> Iterator[int]:
    """Serve an application; gives the port. At the end the server has to stop in good order."""
    port, stop = free_port(), threading.Event()
    thread = threading.Thread(target=SERVERS[name], args=(app, port, stop))
    thread.start()
    try:
        until(lambda: _listens(port) or not thread.is_alive())
        yield port
    finally:
        stop.set()
        thread.join(30)
    if thread.is_alive():
        raise AssertionError(f"{name} did not stop")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
