"""FastAPI under trio: the guard answers as under asyncio, at the start and in an outage too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request
from fastapi.testclient import TestClient

from kinde_guard import KeysUnavailable, KindeGuard, require_scopes
from tests.core.conftest import add_routes
from tests.mint import AUDIENCE, DOMAIN, FrozenClock, KeyServer, Tenant

Make = Callable[..., FastAPI]


@pytest.fixture
def make(key_server: KeyServer, clock: FrozenClock, monotonic: FrozenClock) -> Make:
    """Make the guarded application; keyword arguments are settings."""

    def guarded(**settings: Any) -> FastAPI:
        app = add_routes(FastAPI())
        KindeGuard(
            DOMAIN,
            audience=AUDIENCE,
            clock=clock,
            monotonic=monotonic,
            http_client=key_server.client(),
            public_paths=["/open"],
            **settings,
        ).install(app)
        return app

    return guarded


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_every_kind_of_route_answers(make: Make, tenant: Tenant, key_server: KeyServer) -> None:
    with TestClient(make(), backend="trio") as client:
        assert key_server.fetches == 1
        good = bearer(tenant.token("read:users"))
        assert client.get("/users", headers=good).status_code == 200
        assert client.get("/users", headers=bearer(tenant.token("other"))).status_code == 403
        assert client.get("/users").status_code == 401
        assert client.get("/open").status_code == 200
        with client.websocket_connect("/feed", headers=good) as feed:
            assert feed.receive_text().startswith("hello ")
    assert key_server.fetches == 1


def test_route_in_a_thread_and_its_background_task_know_the_token(
    make: Make, tenant: Tenant
) -> None:
    app, ran = make(), list[str | None]()

    @app.get("/thread", dependencies=[Depends(require_scopes("read:users"))])
    def in_a_thread(request: Request, tasks: BackgroundTasks) -> str | None:
        tasks.add_task(lambda: ran.append(request.user.principal))
        principal: str | None = request.user.principal
        return principal

    client = TestClient(app, backend="trio")
    answer = client.get("/thread", headers=bearer(tenant.token("read:users", azp="reporting")))
    assert (answer.json(), ran) == ("reporting", ["reporting"])


def test_outage_is_a_503_and_over_without_a_restart(
    make: Make, tenant: Tenant, key_server: KeyServer, monotonic: FrozenClock
) -> None:
    key_server.fail(httpx.ConnectError("refused"))
    good = bearer(tenant.token("read:users"))
    with TestClient(make(), backend="trio") as client:
        answer = client.get("/users", headers=good)
        assert (answer.status_code, answer.json()["reason"]) == (503, "keys_unavailable")
        assert answer.headers["retry-after"] == "1"
        key_server.recover()
        monotonic.advance(1)
        assert client.get("/users", headers=good).status_code == 200


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_fail_fast_keeps_a_test_client_from_entering_without_keys(
    backend: Any, make: Make, key_server: KeyServer
) -> None:
    key_server.fail(500)
    client = TestClient(make(fail_fast=True), backend=backend)
    with pytest.raises(KeysUnavailable):
        client.__enter__()
