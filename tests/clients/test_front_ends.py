"""Kinde's browser clients, unmodified, in real Chromium, against local Kinde and a guarded API.

A person signs in on the page, calls the API across origins, is refused, is given what was lacking,
refreshes, succeeds, and signs out.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import pytest
from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from kinde_guard import AccessToken, KindeGuard, require_permissions
from kinde_guard.local import FRONT_END_CLIENT_ID, LocalKinde, LoopbackServer
from tests.clients import real_clients

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM: Final = shutil.which("chromium") or ""
OPTIONS: Final = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE: Final = 15_000
"""Milliseconds that a page may take."""
HTML: Final = """<!doctype html><meta charset="utf-8"><title>A front end</title>
<link rel="icon" href="data:,">
<div id="root"><p id="who">loading</p><p id="told"></p></div>
<script type="module" src="/static/{name}.js"></script>
"""


@pytest.fixture(scope="module")
def bundles(node: real_clients.Runtime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, each with its client in one file."""
    folder = tmp_path_factory.mktemp("bundles")
    pages = [str(page) for page in (real_clients.HERE / "pages").glob("*.js")]
    esbuild = real_clients.HERE / "node_modules" / "esbuild" / "bin" / "esbuild"
    options = ["--bundle", "--format=esm", "--log-level=error", f"--outdir={folder}"]
    options.append('--define:process.env.NODE_ENV="production"')
    subprocess.run([*node.command, str(esbuild), *pages, *options], check=True, timeout=60)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def plain() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


def guarded_api(kinde: LocalKinde, origin: str) -> FastAPI:
    app = FastAPI()

    @app.get("/users")
    async def users(
        token: Annotated[AccessToken, Depends(require_permissions("read:users"))],
    ) -> dict[str, str | None]:
        return {"caller": token.subject}

    KindeGuard(kinde.issuer, audience=kinde.audience).install(app)
    app.add_middleware(CORSMiddleware, allow_origins=[origin], allow_headers=["Authorization"])
    return app


@pytest.fixture(params=["pkce", "react"])
def front_end(request: pytest.FixtureRequest, plain: LocalKinde, bundles: Path) -> Iterator[str]:
    """The URL of a page of one of the clients."""
    page = HTML.format(name=request.param)
    settings: dict[str, str] = {}

    async def show(_: Request) -> Response:
        return HTMLResponse(page)

    async def tell(_: Request) -> Response:
        return JSONResponse(settings)

    routes = [
        Route("/", show),
        Route("/settings.json", tell),
        Mount("/static", StaticFiles(directory=bundles)),
    ]
    server = LoopbackServer(lambda _: Starlette(routes=routes), host="localhost")
    server.start()
    api = LoopbackServer(lambda _: guarded_api(plain, server.url))
    api.start()
    plain.allow_callback(FRONT_END_CLIENT_ID, server.url)
    plain.allow_logout(FRONT_END_CLIENT_ID, server.url)
    settings |= {
        "issuer": plain.issuer,
        "audience": plain.audience,
        "client_id": FRONT_END_CLIENT_ID,
        "api": api.url,
    }
    yield server.url
    api.stop()
    server.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        context.set_default_timeout(PATIENCE)
        yield context.new_page()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def told(page: Page, beginning: str) -> str:
    page.locator("#told", has_text=beginning).wait_for()
    return page.locator("#told").inner_text()


def test_a_person_signs_in_calls_is_refused_gets_the_scope_refreshes_and_signs_out(
    plain: LocalKinde, front_end: str, page: Page
) -> None:
    store, charles = plain.store, plain.people[1]
    page.goto(front_end)
    page.locator("#who", has_text="nobody").wait_for()
    press(page, "Sign in")
    page.get_by_role("heading", name="Sign in as …").wait_for()
    press(page, "Sign in as Charles Babbage of Analytical Engines")
    page.locator("#who", has_text="charles@example.com").wait_for()
    assert page.url.split("?")[0].rstrip("/") == front_end

    press(page, "Call")
    assert told(page, "403").startswith("403 ")

    api = next(each for each in store.apis() if each.audience == plain.audience)
    scope = next(each for each in api.scopes if each.key == "read:users")
    store.add_member_scope(charles.organizations[0], charles.id, scope.id)
    press(page, "Refresh")
    told(page, "refreshed")
    press(page, "Call")
    assert told(page, "200") == f'200 {{"caller":"{charles.id}"}}'

    press(page, "Sign out")
    page.wait_for_url(f"{front_end}/")
    page.locator("#who", has_text="nobody").wait_for()
    press(page, "Sign in")
    page.get_by_role("heading", name="Sign in as …").wait_for()
