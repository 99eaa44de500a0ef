"""The console in real Chromium: the whole story, by keyboard alone, in the dark, on a phone.

And a page elsewhere in the same browser, which can neither drive the console nor read it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import shutil
from collections.abc import Iterator
from queue import Queue
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from examples.users_api import PUBLIC_PATHS
from examples.users_api import create_app as create_users_api
from kinde_guard import KindeGuard
from kinde_guard.local import AUDIENCE, LocalKinde, LoopbackServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM: Final = shutil.which("chromium") or ""
OPTIONS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 360, "height": 740}
PATIENCE: Final = 15_000
"""Milliseconds that a page may take."""

CUT: Final = """
[...document.querySelectorAll("select")].filter((select) => {
  const style = getComputedStyle(select), pen = document.createElement("canvas").getContext("2d");
  pen.font = style.font;
  const arrow = 20, padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
  const room = select.clientWidth - padding - arrow;
  return [...select.options].some((option) => pen.measureText(option.text).width > room);
}).map((select) => select.name)
"""
"""The names of the choices in which an option has no room, the arrow beside it."""


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
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


@pytest.fixture
def api(kinde: LocalKinde) -> Iterator[str]:
    """The URL of the example API, guarded for that tenant."""
    guard = KindeGuard(kinde.issuer, audience=AUDIENCE, public_paths=PUBLIC_PATHS)
    server = LoopbackServer(lambda _: create_users_api(guard))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def page(browser: Browser, kinde: LocalKinde) -> Iterator[Page]:
    """A page that reports every complaint of the browser, the policy's included."""
    context = browser.new_context(viewport=DESKTOP)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def open_back_office(page: Page, kinde: LocalKinde) -> None:
    page.goto(f"{kinde.issuer}/")
    page.get_by_role("link", name="Back office").click()
    # Styles and script too: what follows asks what can be seen now.
    page.wait_for_url("**/console/applications/*", wait_until="load")


def said(page: Page) -> str:
    return page.locator(".notice").inner_text()


def token_of(page: Page) -> str:
    return page.locator("#raw").inner_text()


def put_user(api: str, token: str) -> int:
    """Ask for what needs ``update:users``; the user is not there, so being let in is a 404."""
    user = {"name": "Ada", "email": "ada@example.com"}
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.put(f"{api}/users/1", json=user, headers=headers).status_code


def test_a_scope_is_switched_off_and_the_api_refuses_then_on_and_it_does_not(
    page: Page, kinde: LocalKinde, api: str
) -> None:
    open_back_office(page, kinde)
    page.get_by_role("switch", name="update:users").click()
    page.get_by_text("1 not saved yet").wait_for()
    page.get_by_role("button", name="Save scopes").click()
    off = said(page)
    page.get_by_role("button", name="Get token").click()
    without = token_of(page)
    page.get_by_label("Address of the API's OpenAPI document").fill(f"{api}/openapi.json")
    page.get_by_role("button", name="Read endpoints").click()
    shut = verdict(page, "PUT /users/{user_id}")
    still_open = verdict(page, "GET /users")

    page.get_by_role("link", name="Back office").click()
    page.get_by_role("switch", name="update:users").click()
    page.get_by_role("button", name="Save scopes").click()
    on = said(page)
    page.get_by_role("button", name="Get token").click()

    assert off == (
        "Saved: update:users is now off."
        " Tokens that were issued before keep what they hold until they expire."
    )
    assert (shut, put_user(api, without)) == ("403", 403)
    assert still_open == "opens"
    assert on == "Saved: update:users is now on."
    assert verdict(page, "PUT /users/{user_id}") == "opens"
    assert put_user(api, token_of(page)) == 404
    assert f"curl -i {api}/users -H" in page.locator("#call").inner_text()


def sign_in(kinde: LocalKinde, email: str) -> str:
    """The access token that a person gets who signs in to the front end."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    front_end = next(each for each in kinde.applications if each.type == "spa")
    callback = front_end.redirect_uris[0]
    asked = {
        "response_type": "code",
        "client_id": front_end.client_id,
        "redirect_uri": callback,
        "scope": "openid",
        "audience": kinde.audience,
        "state": "state",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "login_hint": email,
    }
    led = httpx.get(f"{kinde.issuer}/oauth2/auth", params=asked)
    code = httpx.URL(led.headers["location"]).params["code"]
    grant = {
        "grant_type": "authorization_code",
        "client_id": front_end.client_id,
        "code": code,
        "redirect_uri": callback,
        "code_verifier": verifier,
    }
    answer = httpx.post(f"{kinde.issuer}/oauth2/token", data=grant)
    return str(answer.json()["access_token"])


def permissions_in(token: str) -> list[str]:
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return list(claims.get("permissions", []))


def test_a_scope_given_to_a_person_is_in_the_token_of_the_next_sign_in(
    page: Page, kinde: LocalKinde
) -> None:
    before = permissions_in(sign_in(kinde, "mary@example.com"))
    page.goto(f"{kinde.issuer}/console/people")
    page.get_by_role("link", name="Mary Somerville").click()
    page.wait_for_url("**/console/people/kp_*", wait_until="load")
    group = page.get_by_role("group", name="Additional scopes of Users API")
    group.get_by_role("switch", name="delete:users").press("Space")
    page.get_by_text("1 not saved yet").wait_for()
    page.get_by_role("button", name="Save what Mary Somerville holds").press("Enter")

    assert said(page).startswith("Saved.")
    assert "delete:users" not in before
    assert "delete:users" in permissions_in(sign_in(kinde, "mary@example.com"))


@pytest.mark.parametrize("width", [DESKTOP["width"], 390])
def test_no_choice_is_cut_and_no_page_is_wider_than_the_screen(
    page: Page, kinde: LocalKinde, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    person = f"/people/{kinde.people[0].id}"
    for path in ("/rehearse", "/people", person, "/flags", "/keys", "/webhooks", "/roles"):
        page.goto(f"{kinde.issuer}/console{path}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert page.evaluate(CUT) == [], path


def test_a_person_deleted_on_the_console_is_told_to_the_webhook(
    page: Page, kinde: LocalKinde
) -> None:
    bodies: Queue[bytes] = Queue()

    async def receive(request: Request) -> Response:
        bodies.put(await request.body())
        return Response()

    server = LoopbackServer(lambda _: Starlette(routes=[Route("/", receive, methods=["POST"])]))
    server.start()
    page.goto(f"{kinde.issuer}/console/webhooks")
    page.get_by_label("Address of a new endpoint").fill(f"{server.url}/")
    page.get_by_role("button", name="Add endpoint").click()
    assert said(page).endswith("is sent 27 types of event.")
    page.get_by_role("link", name="People", exact=True).click()
    page.get_by_role("link", name="Ada Lovelace").click()
    page.get_by_text("Delete this person").click()
    page.get_by_role("button", name="Delete Ada Lovelace").click()
    assert said(page) == "Ada Lovelace was deleted."

    payload = bodies.get(timeout=10).decode().split(".")[1]
    event = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    server.stop()
    assert (event["type"], event["source"]) == ("user.deleted", "admin")
    page.goto(f"{kinde.issuer}/console/webhooks")
    assert "user.deleted" in page.locator("#deliveries").inner_text()


def verdict(page: Page, endpoint: str) -> str:
    row = page.get_by_role("row").filter(has=page.get_by_text(endpoint, exact=True))
    return row.locator(".verdict").inner_text()


def test_a_token_with_chosen_scopes_holds_no_others(page: Page, kinde: LocalKinde) -> None:
    open_back_office(page, kinde)
    page.get_by_role("checkbox", name="read:roles").wait_for(state="hidden")
    page.get_by_role("radio", name="Only chosen ones").check()
    page.get_by_role("checkbox", name="read:roles").check()
    page.get_by_role("button", name="Get token").click()

    held = page.get_by_role("list", name="Scopes in the token").inner_text()
    lacking = page.get_by_role("list", name="Scopes that the token lacks").inner_text()
    assert held == "read:roles"
    assert "update:users" in lacking


def test_everything_can_be_done_by_keyboard(page: Page, kinde: LocalKinde) -> None:
    page.goto(f"{kinde.issuer}/console/")
    page.keyboard.press("Tab")
    assert focused(page).inner_text() == "Skip to content"
    assert focused(page).bounding_box()["y"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    walk_to(page, "Back office")
    page.keyboard.press("Enter")
    page.wait_for_url("**/applications/*")
    walk_to(page, "update:users")
    assert outline_of(focused(page)) >= 2
    page.keyboard.press("Space")
    walk_to(page, "Save scopes")
    assert outline_of(focused(page)) >= 2
    page.keyboard.press("Enter")
    page.locator(".notice").wait_for()
    assert said(page).startswith("Saved: update:users is now off.")
    walk_to(page, "Get token")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tokens/*")

    scopes = page.get_by_role("list", name="Scopes in the token").inner_text().split()
    assert scopes == ["read:users", "create:users", "delete:users", "read:roles", "update:roles"]


def focused(page: Page) -> Locator:
    return page.locator(":focus")


def walk_to(page: Page, words: str) -> None:
    """Press Tab until the focus is on the control that begins with these words."""
    for _ in range(80):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "document.activeElement.labels?.[0]?.innerText ?? document.activeElement.innerText"
        )
        if str(name).startswith(words):
            return
    pytest.fail(f"Tab never reaches {words!r}")


def outline_of(control: Locator) -> float:
    return float(control.evaluate("one => parseFloat(getComputedStyle(one).outlineWidth)"))


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_can_be_read(
    browser: Browser, kinde: LocalKinde, viewport: Any, scheme: Any
) -> None:
    with browser.new_context(viewport=viewport, color_scheme=scheme) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        application = kinde.applications[0].client_id
        apis = [api.id for api in kinde.store.apis()]
        paths = ["", "apis", "rehearse", "nothing", f"applications/{application}"]
        for path in [*paths, *(f"apis/{each}" for each in apis)]:
            page.goto(f"{kinde.issuer}/console/{path}")
            assert_readable(page, scheme)
        page.goto(f"{kinde.issuer}/console/applications/{application}")
        page.get_by_role("button", name="Get token").click()
        page.wait_for_url("**/tokens/*")
        assert_readable(page, scheme)
        page.goto(f"{kinde.issuer}/console/rehearse")
        page.get_by_role("button", name="Start fault").click()
        page.get_by_text("from now on and until you end it").wait_for()
        page.get_by_role("button", name="Rotate, keep former keys").click()
        page.get_by_text("The former keys stay published").wait_for()
        page.wait_for_load_state("load")
        assert_readable(page, scheme)


CONTRASTS: Final = """() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4)
    .reduce((sum, one, at) => sum + one * [.2126, .7152, .0722][at], 0);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("main *, header *, footer *")]
    .filter((one) => one.checkVisibility() && !one.closest(".unseen, option"))
    .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((one) => {
      const [a, b] = [light(rgb(getComputedStyle(one).color)), light(ground(one))];
      const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
      return [ratio, one.outerHTML.slice(0, 80)];
    })
    .filter(([ratio]) => ratio < 4.5);
}"""
"""Texts whose contrast is below WCAG's 4.5 to 1."""


def assert_readable(page: Page, scheme: str) -> None:
    width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(int(part) for part in re.findall(r"\d+", ground)[:3])
    assert (page.url, width <= 0) == (page.url, True)
    assert (brightness < 150) == (scheme == "dark")
    assert page.evaluate(CONTRASTS) == []


def test_without_scripts_a_scope_can_be_switched_off(browser: Browser, kinde: LocalKinde) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        open_back_office(page, kinde)
        page.get_by_role("switch", name="update:users").click()
        page.get_by_role("button", name="Save scopes").click()

        assert said(page).startswith("Saved: update:users is now off.")
        page.get_by_role("button", name="All off").wait_for(state="hidden")


def test_what_is_copied_is_the_whole_line(browser: Browser, kinde: LocalKinde) -> None:
    with browser.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        open_back_office(page, kinde)
        page.get_by_role("button", name="Get token").click()
        page.get_by_role("button", name="Copy call with this token").click()
        page.get_by_text("Copied").first.wait_for()

        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == (
            f"curl -i http://127.0.0.1:8000/ -H 'Authorization: Bearer {token_of(page)}'"
        )


# A page elsewhere


ATTACK: Final = """<!doctype html><title>Elsewhere</title>
<iframe id="framed" src="{console}/"></iframe>
<form id="form" method="post" action="{console}/applications">
  <input name="name" value="Stolen"><input name="type" value="m2m">
  <input name="csrf_token" value="{guess}">
</form>
<form id="delete" method="post"
  action="{console}/applications/{application}/delete"></form>
"""
READING: Final = """async (url) => {
  const tries = [{mode: "cors"}, {mode: "cors", credentials: "include"}];
  const told = [];
  for (const how of tries) {
    try { told.push(await (await fetch(url, how)).text()); } catch (error) { told.push("refused"); }
  }
  const blind = await fetch(url, {mode: "no-cors", credentials: "include"}).catch(() => null);
  told.push(blind === null ? "refused" : await blind.text());
  const framed = document.getElementById("framed");
  try { told.push(framed.contentDocument?.body?.innerText || "refused"); }
  catch (error) { told.push("refused"); }
  return told;
}"""
WRITING: Final = """async ([url, body]) => {
  for (const credentials of ["include", "omit"]) {
    for (const mode of ["cors", "no-cors"]) {
      const headers = {"Content-Type": "application/x-www-form-urlencoded"};
      await fetch(url, {method: "POST", mode, credentials, headers, body}).catch(() => null);
    }
  }
}"""


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"], ids=["same site", "another site"])
def test_a_page_elsewhere_can_neither_change_nor_read_anything(
    browser: Browser, kinde: LocalKinde, name: str
) -> None:
    application = kinde.applications[0]
    console = f"{kinde.issuer}/console"

    async def attack(_: Request) -> Response:
        values = {"console": console, "application": application.client_id, "guess": "0" * 64}
        return HTMLResponse(ATTACK.format(**values))

    server = LoopbackServer(lambda _: Starlette(routes=[Route("/", attack)]))
    server.start()
    try:
        with browser.new_context() as context:
            context.set_default_timeout(PATIENCE)
            mine = context.new_page()
            open_back_office(mine, kinde)
            mine.get_by_role("button", name="Get token").click()
            before = [kinde.applications, kinde.store.apis()]

            page = context.new_page()
            for form in ("form", "delete"):
                page.goto(f"http://{name}:{server.port}/")
                with page.expect_navigation() as sent:
                    page.evaluate(f"document.getElementById({form!r}).submit()")
                assert (sent.value.request.method, sent.value.status) == ("POST", 403)
            page.goto(f"http://{name}:{server.port}/")
            page.evaluate(WRITING, [f"{console}/applications", "name=Stolen&type=m2m"])

            for url in (mine.url, f"{console}/applications/{application.client_id}"):
                assert set(page.evaluate(READING, url)) <= {"refused", ""}
            assert [kinde.applications, kinde.store.apis()] == before
            # The person's own session goes on as before.
            mine.get_by_role("link", name="Back office").click()
            mine.get_by_role("switch", name="update:users").click()
            mine.get_by_role("button", name="Save scopes").click()
            assert said(mine).startswith("Saved: update:users is now off.")
    finally:
        server.stop()


def test_a_link_from_elsewhere_leads_to_a_page_from_which_one_step_goes_on(
    browser: Browser, kinde: LocalKinde
) -> None:
    async def links(_: Request) -> Response:
        return HTMLResponse(f'<a href="{kinde.issuer}/console/apis">The console</a>')

    server = LoopbackServer(lambda _: Starlette(routes=[Route("/", links)]))
    server.start()
    try:
        with browser.new_context() as context:
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.goto(f"http://localhost:{server.port}/")
            page.get_by_role("link", name="The console").click()
            assert page.get_by_role("heading").inner_text() == (
                "This request came from another site"
            )
            page.get_by_role("link", name="Open the console").click()
            page.get_by_role("heading", name="Applications").wait_for()
    finally:
        server.stop()


def test_over_https_the_console_works_as_well(browser: Browser) -> None:
    with (
        LocalKinde(tls=True) as kinde,
        browser.new_context(ignore_https_errors=True) as context,
    ):
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        open_back_office(page, kinde)
        page.get_by_role("button", name="Get token").click()

        claims = json.loads(page.locator("#payload").text_content() or "")
        assert claims["iss"] == kinde.issuer
        assert f"--cacert {kinde.ca}" in page.locator("#ask").inner_text()
