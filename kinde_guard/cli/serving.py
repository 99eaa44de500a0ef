"""Servers that a command runs until its user has seen enough."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from fastapi import FastAPI

from kinde_guard.local import LocalKinde, LoopbackServer, StartError


@contextmanager
def served(app: FastAPI, *, port: int = 0) -> Iterator[str]:
    """Serve an application on loopback, and give its URL.

    Parameters:
        app: the application.
        port: the port to use if it is free; another one otherwise.

    Raises:
        StartError: it does not start.
    """
    server = LoopbackServer(lambda _: app, port=port)
    try:
        server.start()
    except StartError:
        server = LoopbackServer(lambda _: app)
        server.start()
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def local_kinde(*, port: int = 0) -> Iterator[LocalKinde]:
    """Run local Kinde on this port if it is free, on another one otherwise.

    Raises:
        StartError: it does not start.
    """
    kinde = LocalKinde(port=port)
    try:
        kinde.start()
    except StartError:
        kinde = LocalKinde()
        kinde.start()
    try:
        yield kinde
    finally:
        kinde.close()


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGINT and SIGTERM raise KeyboardInterrupt, so that what was started is also ended.

    A shell starts background jobs with SIGINT ignored; a server should end nevertheless.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    former = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def go_on_serving(announce: Callable[[], None]) -> None:
    """Announce what is served and return when the user presses Ctrl-C, as early as that may be."""
    with suppress(KeyboardInterrupt):
        announce()
        while True:
            time.sleep(3600)
