"""Fetches a key set once: bounded in time and bytes, and strict about the answer.

Only ``200`` with a JSON key set that holds a usable key counts. Redirects are not followed: the
address of the keys is configuration, not something that a server may change. Compressed answers are
not asked for and not read, so the bound on bytes is the bound on memory.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kinde_guard.jose.strict_json import loads
from kinde_guard.keys.key_set import KeySet
from kinde_guard.keys.retry_after import retry_after
from kinde_guard.vocabulary.errors import InvalidKeySet
from kinde_guard.vocabulary.event_loop import running_loop
from kinde_guard.vocabulary.network import asks_proxies, proxy_settings_error

if TYPE_CHECKING:
    import httpx

_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class KeyServerBusy(InvalidKeySet):
    """The key server answers 429 or 503.

    Args:
        status: which of the two.
        asked: seconds for which it asks to be left alone; 0 if it does not.

    Source: RFC 9110, section 15.6.4; RFC 6585, section 4.
    """

    def __init__(self, status: int, asked: float) -> None:
        super().__init__(f"the status is {status}")
        self.asked = asked


class KeySetFetcher:
    """Fetches the key set at one address.

    Args:
        url: where the key set lies.
        timeout: seconds for the whole fetch, from the connection to the last byte.
        max_bytes: a larger body is a failed fetch.
        http_client: sends the request if given, and stays open; otherwise each fetch opens and
            closes a client of its own, so nothing is bound to an event loop or shared by a fork.
            That client asks loopback hosts itself, never through a proxy.

    Attributes:
        url: see above.
        timeout: see above.
    """

    def __init__(
        self, url: str, *, timeout: float, max_bytes: int, http_client: httpx.AsyncClient | None
    ) -> None:
        self.url = url
        self.timeout = timeout
        self._max_bytes = max_bytes
        self._http_client = http_client
        self._tls: ssl.SSLContext | None = None

    async def fetch(self) -> KeySet:
        """Fetch the key set once.

        Raises:
            InvalidKeySet: the answer is no usable key set.
            Exception: whatever kept the answer from arriving: a time-out, an error of the network
                or of the HTTP client.
        """
        async with running_loop().time_limit(self.timeout), self._client() as client:
            body = await self._download(client)
        try:
            return KeySet.from_jwks(loads(body))
        except InvalidKeySet:
            raise
        except ValueError:
            raise InvalidKeySet("the body is no JSON") from None

    async def _download(self, client: httpx.AsyncClient) -> bytes:
        extensions = {"trace": _Handshake()}
        async with client.stream(
            "GET", self.url, headers=_HEADERS, follow_redirects=False, extensions=extensions
        ) as response:
            if response.status_code in _BUSY:
                raise KeyServerBusy(response.status_code, retry_after(response.headers))
            if response.status_code != HTTPStatus.OK:
                raise InvalidKeySet(f"the status is {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise InvalidKeySet("the body is compressed, though that was not asked for")
            return await self._read(response)

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._max_bytes:
                raise InvalidKeySet(f"the body is larger than {self._max_bytes} bytes")
        return bytes(body)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        if self._http_client is not None:
            yield self._http_client
            return
        if self._tls is None:
            self._tls = await running_loop().in_thread(_tls_context)
        async with self._new_client(self._tls) as client:
            yield client

    def _new_client(self, tls: ssl.SSLContext) -> httpx.AsyncClient:
        import httpx  # noqa: PLC0415 - see _tls_context

        trust_env = asks_proxies(self.url)
        try:
            return httpx.AsyncClient(verify=tls, timeout=self.timeout, trust_env=trust_env)
        except (httpx.InvalidURL, ValueError, ImportError) as error:
            if not trust_env:
                raise
            raise proxy_settings_error(error) from None


class _Handshake:
    """Closes a connection whose TLS handshake does not come to its end.

    httpcore forgets such a connection where the fetch is cancelled, as by its limit on time, and
    the socket stays open until it is garbage.
    """

    def __init__(self) -> None:
        self._connection: Any = None

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Follow a request, as httpcore's "trace" extension tells of it."""
        if event.endswith("connect_tcp.complete"):
            self._connection = info["return_value"]
        elif event.endswith("start_tls.failed") and self._connection is not None:
            await self._connection.aclose()


def _tls_context() -> ssl.SSLContext:
    # Run in a thread, because both steps block: importing httpx takes as long as importing all the
    # rest of this package, and reading the trusted certificates takes about as long again.
    import httpx  # noqa: PLC0415

    return httpx.create_ssl_context()
