"""Applications to inspect, and the command line inside of this process."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import kinde_guard.cli

Ended = tuple[int, str, str]
Command = Callable[..., Ended]

GUARDED = '''
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket
from kinde_guard import (
    AccessToken,
    KindeGuard,
    current_token,
    require_any_scope,
    require_org,
    require_permissions,
    require_scopes,
)
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

print("a module that prints")
guard = KindeGuard("ISSUER", audience="https://api.demo.example", public_paths=PUBLIC)
app = FastAPI(redoc_url=None)
guard.install(app)


@app.get("/health")
async def health() -> None:
    """Say that it lives."""


@app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
async def list_users() -> None:
    """List users."""


@app.get("/users/{name}", dependencies=[Depends(require_any_scope("read:users", "admin"))])
async def show_user(name: str) -> None: ...


@app.get(
    "/orgs/{org_code}/bills",
    dependencies=[Depends(require_org()), Depends(require_permissions("read:bills"))],
)
async def bills(org_code: str) -> None: ...


@app.websocket("/feed")
async def feed(
    ws: WebSocket, token: Annotated[AccessToken, Security(current_token, scopes=["read:users"])]
) -> None: ...


router = APIRouter(prefix="/roles", dependencies=[Depends(require_scopes("read:roles"))])


@router.get("")
async def list_roles() -> None: ...


@router.websocket("/feed")
async def roles_feed(ws: WebSocket) -> None: ...


app.include_router(router)
app.mount("/static", StaticFiles(directory="."))


@requires("plain:read")
async def plain(request):
    return PlainTextResponse("")


async def open_to_all(request):
    return PlainTextResponse("")


deep = [Route("/plain", plain), *EXTRA]
app.mount("/sub", Starlette(routes=[Mount("/deep", routes=deep)]))
'''
CLEAN = GUARDED.replace("PUBLIC", '["/health", "/static/*"]').replace("EXTRA", "[]")
FAULTY = (
    GUARDED.replace("PUBLIC", '["/helth", "/static/*", "/users/public"]')
    .replace("EXTRA", '[Route("/x", open_to_all, methods=["GET", "POST"])]')
    .replace('"read:users", "admin"', '"read:user", "admin"')
)


def module(name: str, source: str, folder: Path, *, issuer: str = "acme.kinde.com") -> str:
    """Write a module and return the address of its ``app``."""
    (folder / f"{name}.py").write_text(source.replace("ISSUER", issuer))
    return f"{name}:app"


def command_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Return ``kinde-guard`` as it runs in a folder, 80 columns wide and without a tenant."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "80")
    for variable in ("DOMAIN", "ISSUER_URL", "AUDIENCE", "CLIENT_ID", "CLIENT_SECRET", "TOKEN"):
        monkeypatch.delenv(f"KINDE_{variable}", raising=False)
    known = {*sys.modules}

    def run(*arguments: str, **environ: str) -> Ended:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["kinde-guard", *arguments])
            for variable, value in environ.items():
                patch.setenv(variable, value)
            code = kinde_guard.cli.main()
        for name in {*sys.modules} - known:
            if getattr(sys.modules[name], "__file__", None) == str(folder / f"{name}.py"):
                del sys.modules[name]
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def timeless(text: str, issuer: str = "\0") -> str:
    """Return what a command said without what differs from run to run, columns kept."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "DATE", text)
    text = re.sub(r"(?:[0-9a-f]{2}:){15}[0-9a-f]{2}", "KEY", text)
    text = re.sub(r"\b\d+ s ago", "N s ago", text)
    text = re.sub(r"\b\d+ bytes", "N bytes", text)
    text = re.sub(r"\b[0-9a-f]{32}\b", "CLIENT", text)
    text = text.replace(issuer, "ISSUER")
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()
