"""One token request: a form with the secret in its body, bounded in time and bytes.

Redirects are not followed, since the secret goes to the configured address and nowhere else; an
injected client's own ``auth`` and its redirect setting are overruled. Compressed answers are not
asked for and not read, so the bound on bytes is the bound on memory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kinde_guard.client.errors import ClientCredentialsError, TokenEndpointUnavailable
from kinde_guard.client.grant import TokenGrant
from kinde_guard.client.secret import Secret
from kinde_guard.client.token_answer import AnswerReader, TokenAnswer
from kinde_guard.vocabulary.network import (
    ProxySettingsError,
    asks_proxies,
    class_names,
    describe_failure,
    proxy_settings_error,
)

if TYPE_CHECKING:
    import httpx
    import httpx2

MAX_BYTES: Final = 262_144
"""A larger answer is not read."""

_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}

Outcome = TokenGrant | ClientCredentialsError


class _Unreadable(Exception):
    """The body is not to be read on. It never leaves this module."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Asks for one kind of token, with as many requests as it is told to make.

    Args:
        reader: reads the answers.
        client_id: of the application.
        audience: one form field each.
        timeout: seconds for the whole request, from the connection to the last byte.
        clock: epoch seconds.

    Source: RFC 6749, sections 2.3.1 and 4.4; Kinde wants the secret in the body.
    """

    reader: AnswerReader
    client_id: str
    audience: tuple[str, ...]
    timeout: float
    clock: Callable[[], float]

    def send(self, client: httpx.Client | httpx2.Client) -> Outcome:
        """Ask with ``client``; return the grant, or why there is none."""
        asked_at = self.clock()
        until = time.monotonic() + self.timeout
        try:
            with client.stream(**self._request()) as response:
                body = bytearray()
                for chunk in response.iter_bytes() if _is_plain(response) else ():
                    _extend(body, chunk)
                    if time.monotonic() > until:
                        return self.too_slow()
            return self._read(response, body, asked_at)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, there is no token
            return self._failure(error)

    async def asend(self, client: httpx.AsyncClient | httpx2.AsyncClient | None) -> Outcome:
        """Ask with ``client``, or with one for this request; return as ``send`` does."""
        asked_at = self.clock()
        try:
            async with (
                asyncio.timeout(self.timeout),
                _opened(client, self.reader.url) as sender,
                sender.stream(**self._request()) as response,
            ):
                body = bytearray()
                if _is_plain(response):
                    async for chunk in response.aiter_bytes():
                        _extend(body, chunk)
            return self._read(response, body, asked_at)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, there is no token
            return self._failure(error)

    def too_slow(self) -> TokenEndpointUnavailable:
        """Return the error for an answer that did not come in time."""
        return self.reader.unavailable(f"it did not answer within {self.timeout:g} s")

    def _request(self) -> dict[str, Any]:
        scopes = self.reader.scopes
        return {
            "method": "POST",
            "url": self.reader.url,
            "headers": _HEADERS,
            "data": {
                "grant_type": "client_credentials",
                "client_id": self.client_id,
                "client_secret": self._secret.reveal(),
                "audience": list(self.audience),
                **({} if scopes is None else {"scope": " ".join(scopes)}),
            },
            "auth": None,
            "follow_redirects": False,
            "timeout": self.timeout,
        }

    @property
    def _secret(self) -> Secret:
        return self.reader.secret

    def _read(
        self, response: httpx.Response | httpx2.Response, body: bytearray, asked_at: float
    ) -> Outcome:
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = TokenAnswer(response.status_code, headers, bytes(body))
        return self.reader.read(answer, asked_at)

    def _failure(self, error: Exception) -> ClientCredentialsError:
        # A new error, not chained: httpx's own lead to the request, and so to the secret.
        if isinstance(error, ClientCredentialsError):
            return error.with_traceback(None)
        names = class_names(error)
        if isinstance(error, TimeoutError) or "TimeoutException" in names:
            return self.too_slow()
        if isinstance(error, (_Unreadable, ProxySettingsError)):
            return self.reader.unavailable(str(error))
        if isinstance(error, OSError) or "TransportError" in names:
            return self.reader.unavailable(describe_failure(error, self.reader.url))
        return self.reader.unavailable(f"asking it failed with {type(error).__name__}")


@asynccontextmanager
async def _opened(
    client: httpx.AsyncClient | httpx2.AsyncClient | None, url: str
) -> AsyncIterator[httpx.AsyncClient | httpx2.AsyncClient]:
    if client is not None:
        yield client
        return
    async with _new_client(url) as own:
        yield own


def _new_client(url: str) -> httpx.AsyncClient:
    # Blocks, in a thread that has nothing else to do.
    import httpx  # noqa: PLC0415

    trust_env = asks_proxies(url)
    try:
        # Certificates that the environment names count for loopback too; its proxies do not.
        return httpx.AsyncClient(verify=httpx.create_ssl_context(), trust_env=trust_env)
    except (httpx.InvalidURL, ValueError, ImportError) as error:
        if not trust_env:
            raise
        raise proxy_settings_error(error) from None


def _is_plain(response: httpx.Response | httpx2.Response) -> bool:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _Unreadable("its answer is compressed, though that was not asked for")
    return True


def _extend(body: bytearray, chunk: bytes) -> None:
    body += chunk
    if len(body) > MAX_BYTES:
        raise _Unreadable(f"its answer is larger than {MAX_BYTES} bytes")
