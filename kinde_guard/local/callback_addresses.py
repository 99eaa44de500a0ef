"""Which addresses an application may be called back at: what one may be, and where it is one.

An address is compared as a whole, character by character (RFC 9700, section 2.1): no wildcard, no
other port, no other case, nothing added to the query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlencode, urlsplit

MAX_LENGTH: Final = 1024

# The characters of a URI (RFC 3986, section 2), without the fragment's "#".
_URI: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")
_NOT_CALLED: Final = frozenset({"javascript", "data", "vbscript", "file", "blob", "about"})
"""Schemes that a browser would run or show instead of calling."""


def is_address(url: str) -> bool:
    """Tell whether ``url`` may be registered as a callback or a logout address.

    Example:
        >>> is_address("http://localhost:3000/callback"), is_address("/callback")
        (True, False)
    """
    if len(url) > MAX_LENGTH or not _URI.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    if parts.scheme in {"http", "https"}:
        return has_host and "@" not in parts.netloc
    return parts.scheme not in _NOT_CALLED


def with_parameters(url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Return an address with parameters added to its query.

    Example:
        >>> with_parameters("http://localhost:3000/?a=b", [("code", "x y")])
        'http://localhost:3000/?a=b&code=x+y'
    """
    separator = "&" if "?" in url else "?"
    if url.endswith(("?", "&")):
        separator = ""
    return f"{url}{separator}{urlencode(list(parameters))}"


def origin_of(url: str) -> str | None:
    """Return the origin of an http address as a browser writes it, else None.

    Example:
        >>> origin_of("https://App.example:443/callback")
        'https://app.example'
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in {None, default} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"
