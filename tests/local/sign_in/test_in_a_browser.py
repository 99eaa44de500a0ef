"""The sign-in pages in real Chromium: readable, by keyboard alone, and closed to other sites."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from kinde_guard.local import FRONT_END_CLIENT_ID, LocalKinde, LoopbackServer
from tests.local.sign_in.front_end import VERIFIER, challenge

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM: Final = shutil.which("chromium") or ""
OPTIONS: Final = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE: Final = 15_000
"""Milliseconds that a page may take."""
SIZES: Final = [{"width": 1280, "height": 900}, {"width": 390, "height": 844}]

CONTRASTS: Final = """() => {
  const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => colour.slice(0, 3).map((part) => part / 255)
    .map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [.2126, .7152, .0722][at], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("main *, footer, footer *")]
    .filter((node) => node.checkVisibility())
    .filter((node) => [...node.childNodes].some((each) => each.nodeType === 3 && each.data.trim()))
    .map((node) => {
      const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))];
      return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), node.outerHTML.slice(0, 80)];
    })
    .filter(([ratio]) => ratio < 4.5);
}"""
"""Texts whose contrast is below WCAG's 4.5 to 1."""


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
def application(shared_kinde: LocalKinde) -> Iterator[str]:
    """The origin of an application whose callback leads on to another origin."""

    async def callback(_: Request) -> Response:
        return HTMLResponse("<h1>Back at the application</h1>")

    async def lead_on(request: Request) -> Response:
        url = str(request.url.replace(path="/done", hostname="127.0.0.1"))
        return Response(status_code=302, headers={"Location": url})

    routes = [Route("/callback", lead_on), Route("/done", callback)]
    server = LoopbackServer(lambda _: Starlette(routes=routes), host="localhost")
    server.start()
    shared_kinde.allow_callback(FRONT_END_CLIENT_ID, f"{server.url}/callback")
    yield server.url
    server.stop()


def address(kinde: LocalKinde, origin: str, **changes: str) -> str:
    query = {
        "response_type": "code",
        "client_id": FRONT_END_CLIENT_ID,
        "redirect_uri": f"{origin}/callback",
        "code_challenge": challenge(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    return f"{kinde.issuer}/oauth2/auth?{urlencode(query)}"


@pytest.mark.parametrize("viewport", SIZES, ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_can_be_read(
    browser: Browser, shared_kinde: LocalKinde, application: str, viewport: Any, scheme: Any
) -> None:
    kinde = shared_kinde
    device = kinde._tenant.device_codes.add(
        client_id=FRONT_END_CLIENT_ID, scopes=(), audience=(), now=kinde.clock()
    )
    urls = [
        address(kinde, application, prompt="create", login_hint="x@example.com"),
        address(kinde, application, login_hint="x@example.com"),
        address(kinde, "https://evil.example"),
        f"{kinde.issuer}/device?user_code=nothing",
        f"{kinde.issuer}/device?user_code={device.user_code}",
        f"{kinde.issuer}/logout",
    ]
    with browser.new_context(viewport=viewport, color_scheme=scheme) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        for url in urls:
            page.goto(url)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
            brightness = sum(int(part) for part in re.findall(r"\d+", ground)[:3])
            assert (brightness < 150) == (scheme == "dark")
            assert page.evaluate(CONTRASTS) == []
        assert [each for each in complaints if "Content Security Policy" in each] == []


def test_by_keyboard_alone_a_person_signs_in_and_is_led_on_to_another_origin(
    browser: Browser, shared_kinde: LocalKinde, application: str
) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(address(shared_kinde, application))
        walk_to(page, "Sign in as Charles Babbage of Difference Works")
        page.keyboard.press("Enter")

        page.get_by_role("heading", name="Back at the application").wait_for()
        assert page.url.startswith(application.replace("localhost", "127.0.0.1"))


def walk_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on the button of that name, which must show it."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.get_attribute("aria-label") == name:
            assert focused.is_visible()
            return
    pytest.fail(f"Tab never reaches {name!r}")


ATTACK: Final = """<!doctype html><title>Elsewhere</title>
<iframe id="framed" src="{page}"></iframe>
<form id="form" method="post" action="{page}">
  <input name="person" value="{person}"><input name="csrf_token" value="{token}">
</form>
"""


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"], ids=["same site", "another site"])
def test_a_page_elsewhere_can_neither_frame_the_page_nor_send_its_form(
    browser: Browser, shared_kinde: LocalKinde, application: str, name: str
) -> None:
    kinde = shared_kinde
    url = address(kinde, application)
    person = f"{kinde.people[0].id} {kinde.people[0].organizations[0]}"

    async def attack(_: Request) -> Response:
        return HTMLResponse(ATTACK.format(page=url, person=person, token="0" * 64))

    server = LoopbackServer(lambda _: Starlette(routes=[Route("/", attack)]))
    server.start()
    try:
        with browser.new_context() as context:
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.goto(f"http://{name}:{server.port}/")
            framed = page.frames[-1]
            assert "Sign in as" not in framed.content()
            with page.expect_navigation() as sent:
                page.evaluate("document.getElementById('form').submit()")
            assert (sent.value.request.method, sent.value.status) == ("POST", 403)
            page.goto(url)
            page.get_by_role("heading", name="Sign in as …").wait_for()
    finally:
        server.stop()
