"""Local Kinde and the users API, each in a real server, for a whole module."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from examples.users_api import PUBLIC_PATHS, create_app
from kinde_guard import KindeGuard
from kinde_guard.local import LocalKinde, LoopbackServer
from tests.examples.callers import Caller


@pytest.fixture(scope="module")
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


@pytest.fixture
def guard(kinde: LocalKinde) -> KindeGuard:
    return KindeGuard(kinde.issuer, audience=kinde.audience, public_paths=PUBLIC_PATHS)


@pytest.fixture(scope="module")
def served(kinde: LocalKinde) -> Iterator[tuple[FastAPI, str]]:
    """The users API in a real server, and its URL."""
    guard = KindeGuard(kinde.issuer, audience=kinde.audience, public_paths=PUBLIC_PATHS)
    app = create_app(guard)
    server = LoopbackServer(lambda _: app)
    server.start()
    yield app, server.url
    server.stop()


@pytest.fixture
def app(served: tuple[FastAPI, str]) -> FastAPI:
    """The users API, with an empty database."""
    app, _ = served
    users = app.state.users
    for table in ("users", "sqlite_sequence"):
        users._worker.submit(users._transact, f"DELETE FROM {table}", ()).result()
    return app


@pytest.fixture
def url(app: FastAPI, served: tuple[FastAPI, str]) -> str:
    return served[1]


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=10) as client:
        yield client


@pytest.fixture
def caller(kinde: LocalKinde, http: httpx.Client) -> Caller:
    """Calls with a token that holds every scope, or only those that are named."""
    return Caller(kinde, http)
