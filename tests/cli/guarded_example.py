"""An application to compare with Kinde: routers, a mount, a WebSocket, and scopes of sign-in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket

from kinde_guard import (
    AccessToken,
    KindeGuard,
    current_token,
    require_any_scope,
    require_scopes,
)

AUDIENCE = "https://api.demo.example"
guard = KindeGuard("acme.kinde.com", audience=AUDIENCE)

router = APIRouter(prefix="/users", dependencies=[Depends(require_scopes("read:users"))])


@router.get("", summary="List users")
async def list_users() -> None: ...


@router.post("", summary="Add a user", dependencies=[Depends(require_scopes("create:users"))])
async def add_user() -> None: ...


reports = FastAPI()


@reports.get("/yearly", dependencies=[Depends(require_any_scope("read:reports", "admin"))])
async def yearly() -> None:
    """Show the year's report. It is long."""


app = FastAPI()
app.include_router(router)
app.mount("/reports", reports)


@app.websocket("/feed")
async def feed(
    socket: WebSocket, token: Annotated[AccessToken, Depends(require_scopes("watch:users"))]
) -> None: ...


@app.get("/me")
async def me(token: Annotated[AccessToken, Security(current_token, scopes=["openid"])]) -> None: ...


guard.install(app)

reads_users = FastAPI()
guard.install(reads_users)


@reads_users.get("/users", dependencies=[Depends(require_scopes("read:users"))])
async def read_users() -> None: ...


no_scopes = FastAPI()
guard.install(no_scopes)

long_scope = FastAPI()
guard.install(long_scope)


@long_scope.get("/long", dependencies=[Depends(require_scopes("x" * 65))])
async def long_route() -> None: ...


unguarded = FastAPI()
