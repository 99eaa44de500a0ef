"""An application that people sign in to and their browser, without a line of the package's own."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx

CALLBACK: Final = "http://localhost:3000/callback"
VERIFIER: Final = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
ADA: Final = "ada@example.com"
CHARLES: Final = "charles@example.com"
MARY: Final = "mary@example.com"
ANALYTICAL: Final = "org_1ccfb819462"
DIFFERENCE: Final = "org_7b2e9d04f31"

PAGE_HEADERS: Final = {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class FrontEnd:
    """Sends a browser to sign in, and exchanges what comes back.

    The browser is ``http``, with its cookies; a parameter that is None is left out.
    """

    def __init__(self, http: httpx.Client, client_id: str, secret: str | None = None) -> None:
        self.http = http
        self.client = {"client_id": client_id} | ({"client_secret": secret} if secret else {})

    def parameters(self, **changes: Any) -> dict[str, Any]:
        given = {
            "response_type": "code",
            "client_id": self.client["client_id"],
            "redirect_uri": CALLBACK,
            "scope": "openid profile email offline",
            "state": "s",
            "audience": "https://api.demo.example",
            "code_challenge": challenge(VERIFIER),
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in given.items() if value is not None}

    def authorize(self, **changes: Any) -> httpx.Response:
        return self.http.get("/oauth2/auth", params=self.parameters(**changes))

    def code(self, email: str = ADA, **changes: Any) -> str:
        answer = self.authorize(login_hint=email, **changes)
        assert answer.status_code == 302, answer.text
        return told(answer)["code"]

    def redeem(self, code: str, **changes: Any) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            **self.client,
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **changes,
        }
        return self.post(form)

    def refresh(self, token: str, **changes: Any) -> httpx.Response:
        form = {"grant_type": "refresh_token", **self.client, "refresh_token": token, **changes}
        return self.post(form)

    def post(self, form: Mapping[str, Any]) -> httpx.Response:
        data = {name: value for name, value in form.items() if value is not None}
        return self.http.post("/oauth2/token", data=data)

    def sign_in(self, email: str = ADA, **changes: Any) -> dict[str, Any]:
        """The token endpoint's answer."""
        redirect_uri = changes.get("redirect_uri", CALLBACK)
        answer = self.redeem(self.code(email, **changes), redirect_uri=redirect_uri)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def choose(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send the form of the sign-in page as a browser does."""
        url, token = form_of(page)
        origin = str(page.url.copy_with(raw_path=b"/")).rstrip("/")
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        return self.http.post(url, data={"csrf_token": token, **fields}, headers=headers)


def told(answer: httpx.Response) -> dict[str, str]:
    """The parameters that an answer adds to the callback, each of which is there once."""
    pairs = parse_qsl(urlsplit(answer.headers["location"]).query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def form_of(page: httpx.Response) -> tuple[str, str]:
    """Where the page's form goes, and its CSRF token."""
    action = re.search('<form method="post" action="([^"]+)"', page.text)
    token = re.search('name="csrf_token" value="([0-9a-f]{64})"', page.text)
    assert action is not None
    assert token is not None
    return html.unescape(action[1]), token[1]


def assert_page(answer: httpx.Response, status: int, sentence: str) -> None:
    """A whole page that leads nowhere."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert {name: answer.headers[name] for name in PAGE_HEADERS} == PAGE_HEADERS
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "location" not in answer.headers
    assert sentence in html.unescape(answer.text)
