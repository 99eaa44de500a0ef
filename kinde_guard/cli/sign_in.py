"""Users' tokens on the command line: OAuth 2.0 clients for a person at a terminal.

=================  ============================================================================
``hinted_token``   authorization code by ``login_hint``; local Kinde signs in without a page
``browser_token``  authorization code with a redirect to a server on loopback
``device_token``   device code, for machines without a browser
=================  ============================================================================

All are public clients: PKCE with S256, no client secret.

Source: RFC 6749, section 4.1; RFC 7636; RFC 8252, section 7.3; RFC 8628; Kinde, "Using Kinde
without an SDK".
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import sys
import time
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from kinde_guard.cli.errors import Finding, WrongUsage
from kinde_guard.cli.loopback_redirect import LoopbackRedirect
from kinde_guard.cli.network import START_LOCAL, http_client, is_loopback
from kinde_guard.cli.plain_text import printable

SCOPES: Final = "openid profile email"
HINTED_REDIRECT: Final = "http://127.0.0.1:8000/callback"
"""Allowed for the front end of every new local Kinde; the redirect is read, never followed."""
TIMEOUT: Final = 15.0
LOGIN_TIMEOUT: Final = 300.0
"""Seconds in which a person must have signed in."""
SLOW_DOWN: Final = 5
"""RFC 8628, section 3.5: seconds by which the interval grows."""


@dataclass(frozen=True, slots=True)
class PublicClient:
    """A front-end application of a tenant, and what is asked for.

    Attributes:
        issuer: the tenant.
        client_id: the application.
        audience: the API, one or more names.
        org_code: the organization to sign in to; None for the user's own choice.
    """

    issuer: str
    client_id: str
    audience: tuple[str, ...]
    org_code: str | None = None


@dataclass(frozen=True, slots=True)
class UserGrant:
    """What a sign-in gave.

    Attributes:
        access_token: for the API.
        expires_in: seconds; None if the server told none.
    """

    access_token: str
    expires_in: int | None

    def __repr__(self) -> str:
        return f"UserGrant(expires_in={self.expires_in})"


def hinted_token(client: PublicClient, email: str) -> UserGrant:
    """Sign in a person of local Kinde by e-mail.

    Raises:
        Finding: there is no such person, or the sign-in was refused; the message says why.
    """
    exchange = _Exchange(client, HINTED_REDIRECT)
    with _http(client) as http:
        answer = _send(http, client, "GET", exchange.url(login_hint=email))
        location = answer.headers.get("location", "")
        if answer.status_code not in {302, 303} or not location.startswith(HINTED_REDIRECT):
            raise Finding(_no_redirect(client, email, answer))
        return exchange.grant(http, _parameters(location))


def browser_token(
    client: PublicClient,
    *,
    port: int,
    open_browser: Callable[[str], bool] = webbrowser.open,
    timeout: float = LOGIN_TIMEOUT,
) -> UserGrant:
    """Sign in with the browser.

    Args:
        client: the application, which must allow the redirect that is printed first.
        port: of the redirect, on 127.0.0.1.
        open_browser: opens a page.
        timeout: seconds in which the person must have signed in.

    Raises:
        Finding: the port is taken, there was no sign-in in time, or the sign-in was refused.
    """
    with LoopbackRedirect(port) as redirect:
        exchange = _Exchange(client, redirect.url)
        url = exchange.url()
        _say(
            f"The application {client.client_id} must allow the callback URL {redirect.url}",
            "(in Kinde: Settings > Applications > the application > Allowed callback URLs).",
            f"If no browser opens, open {url}",
        )
        open_browser(url)
        parameters = redirect.wait(timeout)
    with _http(client) as http:
        return exchange.grant(http, parameters)


def device_token(client: PublicClient, *, sleep: Callable[[float], None] = time.sleep) -> UserGrant:
    """Sign in on another device.

    Args:
        client: an application of the type device.
        sleep: waits between two questions.

    Raises:
        Finding: the code expired, or the sign-in was refused.
    """
    with _http(client) as http:
        endpoint = _device_endpoint(http, client)
        form = {"client_id": client.client_id, "scope": SCOPES, **_audience(client)}
        started = _document(_send(http, client, "POST", endpoint, form))
        device_code, user_code = started.get("device_code"), started.get("user_code")
        page = started.get("verification_uri_complete") or started.get("verification_uri")
        if not isinstance(device_code, str) or not isinstance(page, str):
            raise Finding(_refusal(client, started))
        _say(f"Open {printable(page, 1_000)} and confirm the code {printable(user_code)}.")
        return _poll(http, client, started, device_code, sleep)


def _poll(
    http: httpx.Client,
    client: PublicClient,
    started: Mapping[str, Any],
    device_code: str,
    sleep: Callable[[float], None],
) -> UserGrant:
    interval = _seconds(started.get("interval"), 5)
    left = _seconds(started.get("expires_in"), 600)
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": client.client_id,
        "device_code": device_code,
    }
    while left > 0:
        sleep(interval)
        left -= interval
        answer = _document(_send(http, client, "POST", f"{client.issuer}/oauth2/token", form))
        match answer.get("error"):
            case "authorization_pending":
                continue
            case "slow_down":
                interval += SLOW_DOWN
            case _:
                return _granted(client, answer)
    raise Finding("the code expired before it was confirmed; start again")


class _Exchange:
    """One authorization request and the code that answers it."""

    def __init__(self, client: PublicClient, redirect_uri: str) -> None:
        self._client = client
        self._redirect_uri = redirect_uri
        self._state = secrets.token_urlsafe(32)
        self._verifier = secrets.token_urlsafe(48)

    def url(self, **further: str) -> str:
        """Return the URL of the authorization request."""
        client = self._client
        digest = hashlib.sha256(self._verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": SCOPES,
            "state": self._state,
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **_audience(client),
            **({"org_code": client.org_code} if client.org_code else {}),
            **further,
        }
        return f"{client.issuer}/oauth2/auth?{urlencode(query)}"

    def grant(self, http: httpx.Client, parameters: Mapping[str, str]) -> UserGrant:
        """Exchange the code of a redirect.

        Raises:
            Finding: the redirect is not the answer to this request, or holds an error.
        """
        if not secrets.compare_digest(parameters.get("state", "").encode(), self._state.encode()):
            raise Finding("the redirect does not belong to this sign-in (state); start again")
        if "code" not in parameters:
            raise Finding(_refusal(self._client, parameters))
        form = {
            "grant_type": "authorization_code",
            "client_id": self._client.client_id,
            "code": parameters["code"],
            "redirect_uri": self._redirect_uri,
            "code_verifier": self._verifier,
        }
        endpoint = f"{self._client.issuer}/oauth2/token"
        return _granted(self._client, _document(_send(http, self._client, "POST", endpoint, form)))


def _http(client: PublicClient) -> httpx.Client:
    return http_client(client.issuer, timeout=TIMEOUT, follow_redirects=False)


def _send(
    http: httpx.Client,
    client: PublicClient,
    method: str,
    url: str,
    form: Mapping[str, str] | None = None,
) -> httpx.Response:
    try:
        return http.request(method, url, data=form)
    except httpx.HTTPError as error:
        where = url.partition("?")[0]
        advice = f"; {START_LOCAL}" if is_loopback(client.issuer) else ""
        reason = str(error) or type(error).__name__
        raise Finding(f"no answer from {where}: {reason}{advice}") from error


def _document(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        where = answer.url.copy_with(query=None)
        raise Finding(f"{where} answered {answer.status_code} without a JSON object")
    return document


def _granted(client: PublicClient, answer: Mapping[str, Any]) -> UserGrant:
    token = answer.get("access_token")
    if not isinstance(token, str) or not token:
        raise Finding(_refusal(client, answer))
    expires_in = answer.get("expires_in")
    return UserGrant(token, expires_in if isinstance(expires_in, int) else None)


def _refusal(client: PublicClient, answer: Mapping[str, Any]) -> str:
    error = printable(answer.get("error") or "an answer without a token")
    description = answer.get("error_description") or answer.get("message")
    detail = f": {printable(description)}" if description else ""
    return f"{client.issuer} refused the sign-in: {error}{detail}"


def _no_redirect(client: PublicClient, email: str, answer: httpx.Response) -> str:
    if answer.status_code == 200:
        return (
            f"{client.issuer} has no person {email!r} to sign in: it answers with its sign-in page"
        )
    location = answer.headers.get("location", "")
    if location:
        return f"{client.issuer} redirects elsewhere: {printable(location.partition('?')[0])}"
    return (
        f"{client.issuer}/oauth2/auth answered {answer.status_code}: is"
        f" {client.client_id} a front-end application that allows {HINTED_REDIRECT}?"
    )


def _device_endpoint(http: httpx.Client, client: PublicClient) -> str:
    url = f"{client.issuer}/.well-known/openid-configuration"
    endpoint = _document(_send(http, client, "GET", url)).get("device_authorization_endpoint")
    # Kinde's own pages name the path; it need not stand in the document.
    return endpoint if isinstance(endpoint, str) else f"{client.issuer}/oauth2/device/auth"


def _audience(client: PublicClient) -> dict[str, str]:
    return {"audience": " ".join(client.audience)} if client.audience else {}


def _parameters(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def _seconds(value: object, default: int) -> int:
    return value if isinstance(value, int) and 0 < value <= 86_400 else default


def _say(*lines: str) -> None:
    # Standard output is for the token alone.
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def check_user_options(issuer: str, *, user: str | None, login: bool, device: bool) -> None:
    """Refuse options of ``token`` that contradict each other.

    Raises:
        WrongUsage: more than one way to sign in, or ``--user`` for a tenant that is not local.
    """
    chosen = [
        name
        for name, given in (("--user", user is not None), ("--login", login), ("--device", device))
        if given
    ]
    if len(chosen) > 1:
        raise WrongUsage(f"{' and '.join(chosen)} exclude each other: choose one")
    if user is not None and not user.strip():
        raise WrongUsage("--user is empty; name the e-mail address of a person")
    if user is not None and not is_loopback(issuer):
        raise WrongUsage(
            f"--user is for local Kinde, and KINDE_DOMAIN is {issuer}: sign in with --login"
        )
