"""The environment variables that decide how HTTP clients reach a server: proxies, certificates."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from typing import Any, Final

import httpx

from kinde_guard.cli.errors import WrongUsage
from kinde_guard.vocabulary.network import asks_proxies

CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
PROXIES: Final = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
SCHEMES: Final = ("http", "https")
CORRECT: Final = "correct the variable or unset it"
START_LOCAL: Final = "is `kinde-guard local` running?"


def check_network_settings(environ: Mapping[str, str]) -> None:
    """Refuse an environment in which no HTTP client can be made.

    Args:
        environ: the environment; httpx itself reads that of the process.

    Raises:
        WrongUsage: a variable names certificates that cannot be read, or a proxy that cannot be
            used; the message names it.

    Source: httpx, "Environment Variables".
    """
    for name in CERTIFICATES:
        path = environ.get(name, "")
        if path and not os.path.exists(path):  # noqa: PTH110 - as the standard library takes it
            raise WrongUsage(f"{name}: {path!r} does not exist; {CORRECT}")
    try:
        httpx.Client().close()
    except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
        raise WrongUsage(_message(environ, error)) from error


def http_client(issuer: str, **options: Any) -> httpx.Client:  # noqa: ANN401 - those of httpx
    """Return a client for the requests of a command.

    A tenant on loopback is never asked through a proxy; certificates are those of the environment.

    Args:
        issuer: the tenant.
        options: of ``httpx.Client``.
    """
    if not is_loopback(issuer):
        return httpx.Client(**options)
    file, directory = (os.environ.get(name) or None for name in CERTIFICATES)
    trusted = ssl.create_default_context(cafile=file, capath=directory)
    return httpx.Client(trust_env=False, verify=trusted, **options)


def is_loopback(issuer: str) -> bool:
    """Tell whether an issuer is on this machine.

    Example:
        >>> is_loopback("http://127.0.0.1:8787"), is_loopback("https://acme.kinde.com")
        (True, False)
    """
    return not asks_proxies(issuer)


def _message(environ: Mapping[str, str], error: Exception) -> str:
    if isinstance(error, OSError):
        name = next((name for name in CERTIFICATES if environ.get(name)), CERTIFICATES[0])
        return f"{name}: no certificates can be read ({error}); {CORRECT}"
    present = {name: value for name in PROXIES if (value := _value(environ, name))}
    names = [name for name, value in present.items() if _is_odd(name, value)] or [*present]
    cause = f"no HTTP client can be made with it ({error})"
    if isinstance(error, ImportError):
        cause = "a SOCKS proxy needs httpx with its extra socks"
    return f"{' or '.join(names) or 'proxy settings'}: {cause}; {CORRECT}"


def _value(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name.lower(), "") or environ.get(name, "")


def _is_odd(name: str, value: str) -> bool:
    if name == "NO_PROXY":
        # httpx takes a colon for the beginning of a port, also in IPv6 addresses.
        return ":" in value
    try:
        return httpx.URL(value if "://" in value else f"http://{value}").scheme not in SCHEMES
    except httpx.InvalidURL:
        return True
