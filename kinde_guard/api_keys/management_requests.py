"""Requests to Kinde's Management API, bounded in bytes and strict about the answer.

Redirects are not followed: the address is configuration, and the body holds a secret. Compressed
answers are not asked for and not read, so the bound on bytes is the bound on memory.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kinde_guard.api_keys.no_answer import NoAnswer
from kinde_guard.jose.strict_json import parse_object_or_none
from kinde_guard.keys.fetch import TlsHandshake
from kinde_guard.vocabulary.event_loop import running_loop
from kinde_guard.vocabulary.urls import is_loopback

if TYPE_CHECKING:
    import httpx

    from kinde_guard.api_keys.own_token import OwnToken
    from kinde_guard.client import TokenGrant

MAX_BYTES = 262_144
"""A larger answer is none."""

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status.
        body: its bytes.
        retry_after: seconds for which Kinde asks to be left alone; ``None`` if it does not.
        grant: the token that the request bore, if it bore one.
    """

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None
    grant: TokenGrant | None = field(repr=False)

    def json_object(self) -> dict[str, Any]:
        """Return the JSON object of an answer 200.

        Raises:
            NoAnswer: it is none; whatever it is does not come from this API.
        """
        if self.status != HTTPStatus.OK:
            raise self.refusal()
        document = parse_object_or_none(self.body)
        if document is None:
            raise NoAnswer("the body is no JSON object")
        return document

    def refusal(self) -> NoAnswer:
        """Return the error for a status that decides nothing."""
        advice = ""
        if self.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            advice = "; see that ApiKeys has credentials with the scopes read:api_keys read:apis"
        return NoAnswer(f"the status is {self.status}{advice}", self.retry_after)


class ManagementRequests:
    """Sends requests to the Management API of one tenant.

    Args:
        base: the tenant's URL, without a trailing slash.
        token: goes with each request, if given.
        timeout: seconds for each step of a request.
        http_client: sends the requests if given, and stays open; otherwise each session opens and
            closes a client of its own, so nothing is bound to an event loop or shared by a fork.
    """

    def __init__(
        self,
        base: str,
        token: OwnToken | None,
        *,
        timeout: float,
        http_client: httpx.AsyncClient | None,
    ) -> None:
        self.base = base
        self.token = token
        self._timeout = timeout
        self._http_client = http_client
        self._tls: ssl.SSLContext | None = None

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Open a session for the requests of one look-up."""
        if self._http_client is not None:
            yield Session(self, self._http_client)
            return
        if self._tls is None:
            self._tls = await running_loop().in_thread(_tls_context)
        import httpx  # noqa: PLC0415 - see _tls_context

        async with httpx.AsyncClient(
            verify=self._tls,
            timeout=self._timeout,
            # A proxy of the environment cannot reach this machine's own loopback.
            trust_env=not is_loopback(urlsplit(self.base).hostname),
        ) as client:
            yield Session(self, client)


class Session:
    """The requests of one look-up.

    Args:
        management: where they go.
        client: sends them.
    """

    def __init__(self, management: ManagementRequests, client: httpx.AsyncClient) -> None:
        self.token = management.token
        self._base = management.base
        self._client = client

    async def get(self, path: str) -> Answer:
        """Send a GET request. Raises as ``post`` does."""
        return await self._send("GET", path, None)

    async def post(self, path: str, payload: Mapping[str, str]) -> Answer:
        """Send a POST request with a JSON body.

        Raises:
            NoAnswer: there is no token, or the answer cannot be read.
            Exception: whatever kept the answer from arriving.
        """
        return await self._send("POST", path, json.dumps(payload).encode())

    async def _send(self, method: str, path: str, content: bytes | None) -> Answer:
        grant = None if self.token is None else await self.token.current()
        async with self._client.stream(
            method,
            self._base + path,
            headers=_headers(grant, content),
            content=content,
            auth=None,
            follow_redirects=False,
            extensions={"trace": TlsHandshake()},
        ) as response:
            body = await _read(response)
        if self.token is not None and grant is not None and response.status_code == HTTPStatus.OK:
            self.token.accept(grant)
        return Answer(response.status_code, body, _retry_after(response.headers), grant)


def _headers(grant: TokenGrant | None, content: bytes | None) -> dict[str, str]:
    return {
        **_HEADERS,
        **({} if content is None else {"Content-Type": "application/json"}),
        **({} if grant is None else {"Authorization": f"Bearer {grant.access_token}"}),
    }


async def _read(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise NoAnswer("the body is compressed, though that was not asked for")
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BYTES:
            raise NoAnswer(f"the body is larger than {MAX_BYTES} bytes")
    return bytes(body)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    # Kinde sends RateLimit-Reset, what stands before it may send Retry-After; both in seconds.
    given = [headers.get(name, "").strip() for name in ("RateLimit-Reset", "Retry-After")]
    spans = [float(span) for span in given if span.isascii() and span.isdigit() and len(span) < 10]
    return max(spans, default=None)


def _tls_context() -> ssl.SSLContext:
    # Run in a thread, because both steps block: importing httpx, and reading the certificates.
    import httpx  # noqa: PLC0415

    return httpx.create_ssl_context()
