"""Documents from servers on this machine: loopback only, no redirect, no proxy, bounded.

A module of its own because of httpx, which takes as long to import as everything else; only a
fetch of a document imports it.
"""

from __future__ import annotations

import ipaddress
from typing import Final

import anyio
import httpx

from kinde_guard.local.console.documents import MAX_BYTES, USUAL_URL, Document, read
from kinde_guard.local.console.problems import Invalid

TIMEOUT: Final = 5.0
"""Seconds for a whole fetch, connect to last byte."""


async def fetch(typed: str) -> Document:
    """Return the document at a URL.

    Raises:
        Invalid: the URL is not on loopback, nothing answers there, or it is no such document.
    """
    url = _loopback_url(typed)
    text: bytes | None = None
    with anyio.move_on_after(TIMEOUT):
        text = await _get(url)
    if text is None:
        raise Invalid(f"{url} did not answer within {TIMEOUT:g} seconds.")
    return await read(text, str(url))


async def _get(url: httpx.URL) -> bytes:
    body = bytearray()
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    try:
        async with (
            # On loopback a certificate is made by hand, if at all, and what is read is public.
            httpx.AsyncClient(trust_env=False, timeout=TIMEOUT, verify=False) as client,  # noqa: S501
            client.stream("GET", url, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                raise Invalid(f"{url} answers {answer.status_code}, not 200 with a document.")
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > MAX_BYTES:
                    break
    except httpx.HTTPError as error:
        raise Invalid(
            f"Nothing usable answers at {url}. Is the API running there? Otherwise paste its"
            " document."
        ) from error
    return bytes(body)


def _loopback_url(typed: str) -> httpx.URL:
    """Return the URL, read by the one parser that will also send the request."""
    try:
        url = httpx.URL(typed)
        is_plain = url.scheme in {"http", "https"} and not url.userinfo
        # A port that cannot be is an OverflowError to the socket, which httpx passes on.
        if is_plain and (url.port or 0) < 65_536 and _is_loopback(url.host):
            return url
    except (httpx.InvalidURL, ValueError):
        pass
    raise Invalid(f"The address must be an http or https URL on this machine, such as {USUAL_URL}.")


def _is_loopback(host: str) -> bool:
    return host == "localhost" or ipaddress.ip_address(host).is_loopback
