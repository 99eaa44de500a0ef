"""The Authorize button of ``/docs``, pressed in real Chromium against local Kinde.

FastAPI's page takes Swagger UI from a content network; here the same files come from the npm
package, so that nothing outside of this machine is asked.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final

import pytest
from fastapi import Depends, FastAPI

from kinde_guard import AccessToken, KindeGuard, require_scopes
from kinde_guard.local import FRONT_END_CLIENT_ID, LocalKinde, LoopbackServer
from tests.clients import real_clients

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

CHROMIUM: Final = shutil.which("chromium") or ""
OPTIONS: Final = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE: Final = 15_000
"""Milliseconds that a page may take."""
SWAGGER_UI: Final = real_clients.HERE / "node_modules" / "swagger-ui-dist"
KINDS: Final = {"js": "text/javascript", "css": "text/css"}


@pytest.fixture(scope="module")
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as running:
        yield running


@pytest.fixture
def api(kinde: LocalKinde) -> Iterator[LoopbackServer]:
    app = FastAPI()

    @app.get("/users", summary="List users")
    async def list_users(
        token: Annotated[AccessToken, Depends(require_scopes("read:users"))],
    ) -> dict[str, str]:
        return {"kind": token.kind}

    guard = KindeGuard(kinde.issuer, audience=kinde.audience, permissions_as_scopes=True)
    guard.install(app, docs_client_id=FRONT_END_CLIENT_ID)
    server = LoopbackServer(lambda _: app)
    server.start()
    kinde.allow_callback(FRONT_END_CLIENT_ID, f"{server.url}/docs/oauth2-redirect")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser(node: real_clients.Runtime) -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def docs(browser: Browser, api: LoopbackServer) -> Iterator[Page]:
    context = browser.new_context()
    context.route("https://cdn.jsdelivr.net/**", _serve_swagger_ui)
    context.route("https://fastapi.tiangolo.com/**", lambda route: route.abort())
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{api.url}/docs")
    yield page
    context.close()


def _serve_swagger_ui(route: Route) -> None:
    name = route.request.url.rpartition("/")[2].partition("?")[0]
    route.fulfill(path=SWAGGER_UI / name, content_type=KINDS[name.rpartition(".")[2]])


def _call(page: Page) -> tuple[str, str]:
    """Press "Try it out" and "Execute", and return the status and the body of the answer."""
    operation = page.locator(".opblock", has_text="/users")
    if not operation.locator(".execute").is_visible():
        if not operation.locator(".try-out__btn").is_visible():
            operation.locator(".opblock-summary-control").click()
        operation.locator(".try-out__btn").click()
    with page.expect_response(lambda response: response.url.endswith("/users")) as answer:
        operation.locator(".execute").click()
    return str(answer.value.status), answer.value.text()


def _schemes(document: Any) -> list[str]:
    return list(document["components"]["securitySchemes"])


def test_person_signs_in_from_the_docs_and_calls(docs: Page) -> None:
    assert _call(docs)[0] == "401"
    docs.locator(".auth-wrapper .authorize").click()
    dialog = docs.locator(".modal-ux")
    form = dialog.locator(".auth-container", has_text="KindeSignIn")
    with docs.expect_popup() as opened:
        form.locator("button.authorize").click()
    opened.value.get_by_role("button", name="Analytical Engines").first.click()
    form.get_by_text("Logout", exact=True).wait_for()
    dialog.get_by_role("button", name="Close", exact=True).last.click()
    status, body = _call(docs)
    assert status == "200"
    assert '"kind":"user"' in body


def test_token_that_is_pasted_into_the_docs_calls(docs: Page, kinde: LocalKinde) -> None:
    docs.locator(".auth-wrapper .authorize").click()
    dialog = docs.locator(".modal-ux")
    form = dialog.locator(".auth-container", has_text="KindeBearer")
    form.locator("input").fill(kinde.token("read:users"))
    form.locator("button.authorize").click()
    dialog.get_by_role("button", name="Close", exact=True).last.click()
    status, body = _call(docs)
    assert status == "200"
    assert '"kind":"machine"' in body


def test_docs_offer_these_two_ways_alone(docs: Page, api: LoopbackServer) -> None:
    document = docs.request.get(f"{api.url}/openapi.json").json()
    assert _schemes(document) == ["KindeBearer", "KindeSignIn"]
