"""Why a request failed, in words, and which hosts are asked through a proxy.

The exceptions of HTTP clients are told apart by the system's exceptions beneath them and by the
names of their classes, so that none of the clients is imported here.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from kinde_guard.vocabulary.urls import is_loopback

TIMED_OUT: Final = "timed out"

_PROXY_VARIABLES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_MAX_CAUSES: Final = 16

_ERRNO_WORDS: Final = {
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.ENETUNREACH: "the network cannot be reached",
    errno.EMFILE: "no file descriptor is left",
    errno.ENFILE: "no file descriptor is left",
}


class ProxySettingsError(Exception):
    """The environment's proxy settings cannot be used. The message names the variables."""


def asks_proxies(url: str) -> bool:
    """Tell whether the environment's proxies apply to a URL: never where it is on loopback.

    Args:
        url: the address of a request.

    Example:
        >>> asks_proxies("https://acme.kinde.com/"), asks_proxies("http://127.0.0.1:8787/")
        (True, False)
    """
    return not is_loopback(urlsplit(url).hostname)


def proxy_settings_error(error: Exception) -> ProxySettingsError:
    """Return the error for an HTTP client that cannot be made from the environment.

    Values are not shown, because a proxy's URL may hold a password.

    Args:
        error: what the HTTP client raised.
    """
    names = [name for name in _PROXY_VARIABLES if _is_set(name)]
    unreadable = _has_unreadable_exception(os.environ.get("NO_PROXY", _lower("NO_PROXY")))
    if unreadable or not names:
        names = ["NO_PROXY"]
    return ProxySettingsError(
        f"the environment's proxy settings cannot be used: see {' and '.join(names)}"
        f" ({type(error).__name__})"
    )


def describe_failure(error: BaseException, url: str = "") -> str:
    """Return why a request got no answer, as a phrase without a full stop.

    Args:
        error: what the HTTP client raised.
        url: what was asked; a proxy that the environment names for it is named where it failed.

    Example:
        >>> describe_failure(ConnectionRefusedError(111, "Connection refused"))
        'the connection was refused'
    """
    for describe in (_system_failure, _client_failure):
        for cause in _causes(error):
            words = describe(cause)
            if words:
                return f"{_through(url)}{words}"
    # Not the error's own text: an answer or an address from elsewhere may stand in it.
    return type(error).__name__


def class_names(error: BaseException) -> tuple[str, ...]:
    """Return the names of an exception's classes, its own first."""
    return tuple(kind.__name__ for kind in type(error).__mro__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and everything that led to it."""
    waiting, seen = [error], 0
    while waiting and seen < _MAX_CAUSES:
        cause = waiting.pop(0)
        seen += 1
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting.extend(cause.exceptions)
        before = cause.__cause__ or cause.__context__
        if before is not None:
            waiting.append(before)


_SYSTEM_WORDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (socket.gaierror, "the host name cannot be resolved"),
    (ConnectionRefusedError, "the connection was refused"),
    (ssl.SSLError, "the TLS handshake failed"),
    (ConnectionError, "the connection was cut off"),
    (TimeoutError, TIMED_OUT),
)

_CLIENT_WORDS: Final = {
    "TimeoutException": TIMED_OUT,
    "ProxyError": "the proxy does not pass the request on",
    "RemoteProtocolError": "the answer was cut off, or is no HTTP",
}
"""By the name of a class of httpx or httpx2."""


def _system_failure(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    for kind, words in _SYSTEM_WORDS:
        if isinstance(error, kind):
            return words
    number = error.errno if isinstance(error, OSError) else None
    return _ERRNO_WORDS.get(number or 0, "")


def _client_failure(error: BaseException) -> str:
    return next((_CLIENT_WORDS[name] for name in class_names(error) if name in _CLIENT_WORDS), "")


def _through(url: str) -> str:
    variable = _proxy_variable(url) if url and asks_proxies(url) else None
    return f"through the proxy of {variable}: " if variable else ""


def _proxy_variable(url: str) -> str | None:
    # Imported where a fetch has failed: it is large, and most processes never need it.
    from urllib.request import getproxies_environment, proxy_bypass  # noqa: PLC0415

    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    set_for = getproxies_environment()
    return next(
        (f"{name}_proxy".upper() for name in (parts.scheme, "all") if name in set_for), None
    )


def _is_set(name: str) -> bool:
    return bool(os.environ.get(name) or _lower(name))


def _lower(name: str) -> str:
    return os.environ.get(name.lower(), "")


def _has_unreadable_exception(no_proxy: str) -> bool:
    # What httpx makes no URL of: an IPv6 address in brackets, an IPv6 network.
    entries = [entry.strip() for entry in no_proxy.split(",")]
    is_odd: Callable[[str], bool] = lambda entry: "[" in entry or (":" in entry and "/" in entry)  # noqa: E731
    return any(is_odd(entry) for entry in entries)
