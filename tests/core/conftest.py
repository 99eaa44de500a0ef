"""The stage on which the core plays: a guard on frozen clocks, and an app with every kind of
route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Security, WebSocket

from kinde_guard import (
    AccessToken,
    KindeGuard,
    RemoteKeySet,
    current_token,
    optional_token,
    require_any_scope,
    require_scopes,
    require_token,
)
from tests.mint import AUDIENCE, DOMAIN, JWKS_URL, FrozenClock, KeyServer

MakeGuard = Callable[..., KindeGuard]
MakeApp = Callable[..., FastAPI]
MakeKeys = Callable[..., RemoteKeySet]


@pytest.fixture
def make_guard(key_server: KeyServer, clock: FrozenClock, monotonic: FrozenClock) -> MakeGuard:
    """Make a guard of the tenant on frozen clocks; keyword arguments are settings."""

    def make(domain: str = DOMAIN, **settings: Any) -> KindeGuard:
        defaults: dict[str, Any] = {
            "audience": AUDIENCE,
            "clock": clock,
            "monotonic": monotonic,
            "http_client": key_server.client(),
        }
        return KindeGuard(domain, **{**defaults, **settings})

    return make


@pytest.fixture
def guard(make_guard: MakeGuard) -> KindeGuard:
    return make_guard()


@pytest.fixture
def make_keys(key_server: KeyServer, monotonic: FrozenClock) -> MakeKeys:
    """Make a remote key set on a frozen monotonic clock; keyword arguments are settings."""

    def make(**settings: Any) -> RemoteKeySet:
        client = key_server.client()
        return RemoteKeySet(JWKS_URL, **{"http_client": client, "monotonic": monotonic, **settings})

    return make


def facts(token: AccessToken) -> dict[str, Any]:
    return {"principal": token.principal, "scopes": sorted(token.scopes)}


def add_routes(app: FastAPI) -> FastAPI:
    """Add one route of every kind that the contract names."""

    @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
    async def list_users() -> dict[str, str]:
        return {"route": "users"}

    @app.post("/users")
    async def create_user(
        token: Annotated[AccessToken, Depends(require_scopes("create:users", "read:users"))],
        name: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        return {"name": name, **facts(token)}

    @app.get("/any")
    async def any_scope(
        token: Annotated[AccessToken, Depends(require_any_scope("read:users", "read:roles"))],
    ) -> dict[str, Any]:
        return facts(token)

    @app.get("/me")
    async def me(
        token: Annotated[AccessToken, Security(current_token, scopes=["openid"])],
    ) -> dict[str, Any]:
        return facts(token)

    @app.get("/token")
    async def whoami(token: Annotated[AccessToken, Depends(require_token())]) -> dict[str, Any]:
        return facts(token)

    @app.get("/plain")
    async def plain() -> dict[str, str]:
        return {"route": "plain"}

    @app.get("/open")
    async def open_route(
        token: Annotated[AccessToken | None, Depends(optional_token)],
    ) -> dict[str, Any]:
        return {"principal": token.principal if token else None}

    add_feed(app)
    return app


def add_feed(app: FastAPI) -> None:
    """Add a WebSocket route that says hello and hangs up."""

    @app.websocket("/feed")
    async def feed(
        websocket: WebSocket,
        token: Annotated[AccessToken, Depends(require_scopes("read:users"))],
    ) -> None:
        await websocket.accept()
        await websocket.send_text(f"hello {token.principal}")
        await websocket.close()


@pytest.fixture
def make_app(make_guard: MakeGuard) -> MakeApp:
    """Make the app with a guard installed; keyword arguments are the guard's settings."""

    def make(guard: KindeGuard | None = None, **settings: Any) -> FastAPI:
        app = add_routes(FastAPI())
        chosen = guard or make_guard(**{"public_paths": ("/open", "/assets/*"), **settings})
        chosen.install(app)
        return app

    return make


@pytest.fixture
def app(make_app: MakeApp) -> FastAPI:
    return make_app()
