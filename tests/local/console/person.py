"""A person at a browser, as far as the console can tell: cookies, forms and their origin."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any, Final

from httpx2 import Response
from starlette.testclient import TestClient
from starlette.types import ASGIApp

ISSUER: Final = "http://127.0.0.1:8787"
OWN: Final = {"Origin": ISSUER, "Sec-Fetch-Site": "same-origin"}
NOT_THERE: Final = "0" * 32

HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Person:
    """Walks through the console as a browser does, a page at a time."""

    def __init__(self, app: ASGIApp) -> None:
        self.client = TestClient(
            app, base_url=ISSUER, raise_server_exceptions=False, follow_redirects=False
        )
        self._token = ""

    def open(self, path: str, **headers: str) -> Response:
        """Ask for a page, and remember the CSRF token that its forms carry."""
        page = self.client.get(f"/console{path}", headers=headers)
        found = re.search('name="csrf_token" value="([0-9a-f]{64})"', page.text)
        self._token = found[1] if found else self._token
        return page

    @property
    def csrf_token(self) -> str:
        if not self._token:
            self.open("/")
        return self._token

    def send(self, path: str, /, **fields: Any) -> Response:
        """Send a form of the page that was opened last; a field that is None is left out."""
        return self.send_from(OWN, path, **fields)

    def send_from(self, headers: Mapping[str, str], path: str, /, **fields: Any) -> Response:
        """Send it with headers that say where it comes from."""
        form = {"csrf_token": self.csrf_token, "padding": "", **fields}
        data = {name: value for name, value in form.items() if value is not None}
        return self.client.post(f"/console{path}", data=data, headers=headers)

    def done(self, path: str, **fields: Any) -> str:
        """Send a form, go where its answer leads, and return what the page there says."""
        answer = self.send(path, **fields)
        assert answer.status_code == 303, (answer.status_code, answer.text)
        assert answer.content == b""
        return notice(self.open(answer.headers["location"].removeprefix("/console")))


def notice(page: Response) -> str:
    """The one thing that a page says first, "" if it has nothing to say."""
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    said = re.findall('<p class="notice [a-z]+" role="(?:alert|status)">(.*?)</p>', page.text)
    assert len(said) <= 1
    return html.unescape(said[0]) if said else ""


def assert_problem(page: Response, status: int, sentence: str) -> None:
    """The page says in a heading and a sentence what is wrong, and nothing else happened."""
    assert page.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert {name: page.headers[name] for name in HEADERS} == HEADERS
    assert "set-cookie" not in page.headers
    assert sentence in html.unescape(page.text)
    assert "Traceback" not in page.text


class Controls(HTMLParser):
    """The controls of a page and what names them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.labels: set[str] = set()
        self.ids: list[str] = []
        self.unnamed: list[str] = []
        self.odd: list[str] = []
        self._within_label = 0
        self._fields: list[tuple[str, dict[str, str | None], bool]] = []
        self._open_button: tuple[str, bool] | None = None
        self.feed(page)
        self.unnamed += [
            str(attributes)
            for tag, attributes, is_within in self._fields
            if not (is_within or attributes.get("id") in self.labels or "aria-label" in attributes)
        ]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag == "label":
            self._within_label += 1
            self.labels.add(attributes.get("for") or "")
        if tag in {"input", "select", "textarea"} and attributes.get("type") != "hidden":
            self._fields.append((tag, attributes, self._within_label > 0))
        inline = any(name == "style" or name.startswith("on") for name in attributes)
        if inline or (tag == "script" and not attributes.get("src")) or tag == "style":
            self.odd.append(f"{tag} {attributes}")
        if tag not in {"button", "input", "a", "summary"} and attributes.get("role") == "button":
            self.odd.append(f"{tag} {attributes}")

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._within_label -= 1
