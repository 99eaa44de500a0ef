"""Issuer URLs, loopback hosts, and which hosts may be reached by plain http.

Source: OpenID Connect Discovery 1.0, section 3 (an issuer is an https URL); RFC 8252, section 7.3
(loopback); RFC 6761, section 6.3 (``localhost``).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit

from kinde_guard.vocabulary.errors import ConfigurationError

RESOURCE_METADATA_PATH = "/.well-known/oauth-protected-resource"

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def wrong(name: str, given: object, expected: str) -> ConfigurationError:
    """Return the error for a setting that makes no sense: what was given, what was expected."""
    return ConfigurationError(f"{name}: {given!r} was given, but it must be {expected}")


def wrong_url(name: str, given: object, expected: str) -> ConfigurationError:
    """Return the error for a URL; what stands before an ``@`` is a password and is masked."""
    masked = f"***@{given.rpartition('@')[2]}" if isinstance(given, str) and "@" in given else given
    return wrong(name, masked, expected)


def is_loopback(host: str | None) -> bool:
    """Tell whether a host name is this machine's own.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("example.com")
        (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def check_url(name: str, given: object, http_hosts: Collection[str] = ()) -> SplitResult:
    """Return the parts of an https URL, or of an http URL of a loopback host or of an allowed one.

    Args:
        name: the setting, for the error.
        given: the URL.
        http_hosts: hosts besides loopback that may be reached by plain http.

    Raises:
        ConfigurationError: it is no such URL.
    """
    expected = "an https:// URL (http:// for loopback hosts and those in http_hosts only)"
    if not isinstance(given, str) or not given.isascii() or not given.isprintable():
        raise wrong_url(name, given, expected)
    try:
        url = urlsplit(given)
        host, _ = url.hostname, url.port
    except ValueError:
        raise wrong_url(name, given, expected) from None
    plain = url.scheme == "http" and (is_loopback(host) or host in http_hosts)
    secure = url.scheme == "https" or plain
    if not secure or not host or _HOST.fullmatch(url.netloc) is None or " " in given:
        raise wrong_url(name, given, expected)
    return url


def issuer_url(name: str, given: object, http_hosts: Collection[str] = ()) -> str:
    """Return the exact issuer that a tenant's domain stands for, without a trailing slash.

    Args:
        name: the setting, for the error.
        given: ``acme.kinde.com`` or ``https://acme.kinde.com``, with or without a trailing slash.
        http_hosts: hosts besides loopback that may be reached by plain http.

    Raises:
        ConfigurationError: it is no host with a dot, and no URL without a path.

    Example:
        >>> issuer_url("domain", "acme.kinde.com")
        'https://acme.kinde.com'
    """
    expected = "a host such as 'acme.kinde.com', or its https:// URL without a path"
    if not isinstance(given, str) or not given:
        raise wrong_url(name, given, expected)
    url = check_url(name, given if "://" in given else f"https://{given}", http_hosts)
    if url.path not in {"", "/"} or "?" in given or "#" in given:
        raise wrong_url(name, given, expected)
    _check_dotted(name, given, url.hostname or "", http_hosts)
    return f"{url.scheme}://{url.netloc.lower()}"


def _check_dotted(name: str, given: str, host: str, http_hosts: Collection[str]) -> None:
    # "acme" is a tenant's short name, and no host on the internet.
    if "." in host.strip(".") or ":" in host or is_loopback(host) or host in http_hosts:
        return
    expected = f"a whole host name, such as '{host}.kinde.com'"
    raise wrong_url(name, given, expected)


def metadata_url(resource: str) -> str:
    """Return the URL of the metadata of a resource.

    Args:
        resource: the resource identifier, an absolute URL without query and fragment.

    Source: RFC 9728, section 3.1: the well-known string is inserted between host and path; a path
    that is a slash alone counts as none.

    Example:
        >>> metadata_url("https://api.acme.com/mcp")
        'https://api.acme.com/.well-known/oauth-protected-resource/mcp'
    """
    url = urlsplit(resource)
    path = "" if url.path == "/" else url.path
    return f"{url.scheme}://{url.netloc}{RESOURCE_METADATA_PATH}{path}"
