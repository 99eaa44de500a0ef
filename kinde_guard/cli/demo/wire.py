"""The tour's requests on the wire, and what came back, reduced to what a guard can say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

TIMEOUT = 10.0
"""Seconds for a whole request of the tour."""


class Unreachable(Exception):
    """There was no answer from a URL."""

    def __init__(self, url: str, cause: Exception) -> None:
        super().__init__(f"no answer from {url}: {cause or type(cause).__name__}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status.
        challenge: the value of ``WWW-Authenticate``.
        retry_after: the value of ``Retry-After``.
        document: the JSON object in the body, if it is one; a token response holds a secret.
    """

    status: int
    challenge: str | None = None
    retry_after: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def reason(self) -> str | None:
        """The guard's ``reason``, or the token endpoint's ``error``."""
        return self.document.get("reason") or self.document.get("error")

    @property
    def challenge_parameters(self) -> dict[str, str] | None:
        """The parameters of the challenge, without its prose."""
        if self.challenge is None:
            return None
        parameters = dict(re.findall(r'(\w+)="([^"]*)"', self.challenge))
        parameters.pop("error_description", None)
        return parameters


def call(
    client: httpx.Client,
    method: str,
    url: str,
    *,
    token: str | None = None,
    body: Mapping[str, str] | None = None,
) -> Answer:
    """Send a request to an API, with a bearer token if there is one.

    Raises:
        Unreachable: there was no answer.
    """
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        return _answer(client.request(method, url, headers=headers, json=body))
    except httpx.RequestError as error:
        raise Unreachable(url, error) from error


def ask_for_token(
    client: httpx.Client,
    issuer: str,
    *,
    client_id: str,
    client_secret: str,
    audiences: Sequence[str],
    scope: str | None,
) -> Answer:
    """Send a client credentials request, with the secret in the body, as Kinde wants it.

    Raises:
        Unreachable: there was no answer.

    Source: RFC 6749, sections 2.3.1 and 4.4.2.
    """
    form: dict[str, Any] = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": client_secret,
        "audience": list(audiences),
    }
    if scope is not None:
        form["scope"] = scope
    url = f"{issuer}/oauth2/token"
    try:
        return _answer(client.post(url, data=form))
    except httpx.RequestError as error:
        raise Unreachable(url, error) from error


def open_websocket(url: str, *, token: str | None) -> Answer:
    """Open a WebSocket, with the token as a subprotocol if there is one, and close it again.

    Raises:
        Unreachable: there was no answer.
    """
    offered = None if token is None else [Subprotocol("bearer"), Subprotocol(token)]
    try:
        with connect(url, subprotocols=offered, open_timeout=TIMEOUT, proxy=None):
            return Answer(101)
    except InvalidStatus as refusal:
        return _answer(
            httpx.Response(
                refusal.response.status_code,
                headers=list(refusal.response.headers.raw_items()),
                content=bytes(refusal.response.body or b""),
            )
        )
    except (OSError, WebSocketException) as error:
        raise Unreachable(url, error) from error


def _answer(response: httpx.Response) -> Answer:
    try:
        document = response.json()
    except ValueError:
        document = {}
    return Answer(
        response.status_code,
        challenge=response.headers.get("www-authenticate"),
        retry_after=response.headers.get("retry-after"),
        document=document if isinstance(document, dict) else {},
    )
