"""Every setting of a guard, checked once, then frozen.

A setting that makes no sense raises :class:`ConfigurationError` where the guard is made, with a
message that names the setting, says what was given and what was expected. After that nothing about
the configuration can fail, and nothing can change it.
"""

from __future__ import annotations

import ipaddress
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from kinde_guard.vocabulary.errors import ConfigurationError

if TYPE_CHECKING:
    import httpx

    from kinde_guard.vocabulary.events import GuardEvent

ASYMMETRIC_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Algorithms whose keys may be published; with others the verifier could also sign."""

JWKS_PATH = "/.well-known/jwks"
MAX_LEEWAY = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one guard. See the README for what each is for.

    Durations are seconds, as int or float; sizes are whole numbers of bytes or entries.

    Raises:
        ConfigurationError: a setting makes no sense.

    Example:
        >>> Settings(domain="acme.kinde.com", audience="https://api.acme.com").issuers
        ('https://acme.kinde.com',)
    """

    domain: str
    audience: str | Sequence[str] | None
    issuers: Sequence[str] = ()
    algorithms: Sequence[str] = ("RS256",)
    leeway: float = 5
    scope_claims: Sequence[str] = ("scope", "scp")
    jwks_url: str | None = None
    jwks_max_age: float = 600
    jwks_stale_for: float = 86_400
    jwks_cooldown: float = 30
    jwks_timeout: float = 5
    jwks_max_bytes: int = 262_144
    token_cache_size: int = 4_096
    max_token_bytes: int = 16_384
    public_paths: Sequence[str] = ()
    protect_docs: bool = False
    fail_fast: bool = False
    close_on_expiry: bool = False
    realm: str = "api"
    clock: Callable[[], float] = field(default=time.time, repr=False)
    monotonic: Callable[[], float] = field(default=time.monotonic, repr=False)
    http_client: httpx.AsyncClient | None = field(default=None, repr=False)
    on_event: Callable[[GuardEvent], None] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        issuer = self.domain
        further = tuple(_issuer("issuers", given) for given in self.issuers)
        object.__setattr__(self, "issuers", tuple(dict.fromkeys((issuer, *further))))
        _check_audience(self.audience, self.issuers)

    @property
    def issuer(self) -> str:
        """The exact issuer that ``domain`` stands for, without a trailing slash."""
        return self.issuers[0]

    @property
    def jwks_urls(self) -> Mapping[str, str]:
        """Where each issuer publishes its keys; ``jwks_url`` replaces that of ``domain`` only."""
        urls = {issuer: issuer + JWKS_PATH for issuer in self.issuers}
        if self.jwks_url is not None:
            urls[self.issuer] = self.jwks_url
        return urls


SETTING_NAMES = frozenset(setting.name for setting in fields(Settings))


def _wrong(name: str, given: object, expected: str) -> ConfigurationError:
    return ConfigurationError(f"{name}: {given!r} was given, but it must be {expected}")


def _wrong_url(name: str, given: object, expected: str) -> ConfigurationError:
    # What stands before an @ is a password, and an error ends in a log.
    masked = f"***@{given.rpartition('@')[2]}" if isinstance(given, str) and "@" in given else given
    return _wrong(name, masked, expected)


def _seconds(minimum: float, maximum: float, *, above: bool = False) -> Callable[[str, Any], float]:
    span = f"{'more than ' if above else ''}{minimum:g} "
    expected = f"a number of seconds, {span}{'' if above else 'or more'}".rstrip()
    if math.isfinite(maximum):
        expected = f"a number of seconds from {minimum:g} to {maximum:g}"

    def check(name: str, given: Any) -> float:  # noqa: ANN401 - anything may be given
        number = isinstance(given, (int, float)) and not isinstance(given, bool)
        if not number or not math.isfinite(given) or not minimum <= given <= maximum:
            raise _wrong(name, given, expected)
        if above and given == minimum:
            raise _wrong(name, given, expected)
        return given  # type: ignore[no-any-return]

    return check


def _count(minimum: int) -> Callable[[str, Any], int]:
    def check(name: str, given: Any) -> int:  # noqa: ANN401 - anything may be given
        if not isinstance(given, int) or isinstance(given, bool) or given < minimum:
            raise _wrong(name, given, f"a whole number, {minimum} or more")
        return given

    return check


def _flag(name: str, given: object) -> bool:
    if not isinstance(given, bool):
        raise _wrong(name, given, "True or False")
    return given


def _names(name: str, given: object) -> tuple[str, ...]:
    # A str is a sequence too, of characters; nobody who gives one means that.
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        raise _wrong(name, given, "a sequence of strings, such as a tuple")
    if not all(isinstance(member, str) and member.strip() for member in given):
        raise _wrong(name, given, "a sequence of strings, none of them empty")
    return tuple(given)


def _some_names(name: str, given: object) -> tuple[str, ...]:
    names = _names(name, given)
    if not names:
        raise _wrong(name, given, "a sequence of at least one string")
    return names


def _algorithms(name: str, given: object) -> tuple[str, ...]:
    algorithms = _some_names(name, given)
    if not ASYMMETRIC_ALGORITHMS.issuperset(algorithms):
        raise _wrong(name, given, f"a choice of {', '.join(sorted(ASYMMETRIC_ALGORITHMS))}")
    return algorithms


def _audience(name: str, given: object) -> tuple[str, ...] | None:
    if given is None:
        return None
    audience = (given,) if isinstance(given, str) else given
    try:
        return _some_names(name, audience)
    except ConfigurationError:
        expected = "the API's audience, a sequence of audiences, or None to accept any"
        raise _wrong(name, given, expected) from None


def _check_audience(audience: str | Sequence[str] | None, issuers: Sequence[str]) -> None:
    for issuer in issuers:
        if audience is not None and issuer in audience:
            expected = "the API's own audience; the issuer is the audience of ID tokens"
            raise _wrong("audience", issuer, expected)


_PUBLIC_PATH = re.compile(r"/[^?#*\\%]*|(/[^?#*\\%]+)?/\*")


def _public_paths(name: str, given: object) -> tuple[str, ...]:
    paths = _names(name, given)
    for path in paths:
        if _PUBLIC_PATH.fullmatch(path) is None or {".", ".."} & set(path.split("/")):
            raise _wrong(name, path, "an exact path such as '/health', or '/prefix/*'")
    return paths


# RFC 6750, 3, and RFC 9110, 5.6.4: what may stand in a quoted string as it is.
_QUOTABLE = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]*")


def _realm(name: str, given: object) -> str:
    if not isinstance(given, str) or _QUOTABLE.fullmatch(given) is None:
        raise _wrong(name, given, "printable ASCII without quotation marks and backslashes")
    return given


def _url(name: str, given: object) -> SplitResult:
    expected = "an https:// URL (http:// for loopback hosts only)"
    if not isinstance(given, str) or not given.isascii() or not given.isprintable():
        raise _wrong_url(name, given, expected)
    try:
        url = urlsplit(given)
        host, _ = url.hostname, url.port
    except ValueError:
        raise _wrong_url(name, given, expected) from None
    secure = url.scheme == "https" or (url.scheme == "http" and _is_loopback(host))
    if not secure or not host or _HOST.fullmatch(url.netloc) is None or " " in given:
        raise _wrong_url(name, given, expected)
    return url


_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _issuer(name: str, given: object) -> str:
    expected = "a host such as 'acme.kinde.com', or its https:// URL without a path"
    if not isinstance(given, str) or not given:
        raise _wrong_url(name, given, expected)
    url = _url(name, given if "://" in given else f"https://{given}")
    if url.path not in {"", "/"} or "?" in given or "#" in given:
        raise _wrong_url(name, given, expected)
    return f"{url.scheme}://{url.netloc.lower()}"


def _jwks_url(name: str, given: object) -> str | None:
    if given is None:
        return None
    url = _url(name, given)
    return url.geturl()


def _callable(name: str, given: object) -> object:
    if not callable(given):
        raise _wrong(name, given, "callable")
    return given


def _optional_callable(name: str, given: object) -> object:
    return given if given is None else _callable(name, given)


def _http_client(name: str, given: object) -> object:
    # Asked by what it can do, because httpx is not imported here; httpx.Client has no aclose.
    able = all(callable(getattr(given, name, None)) for name in ("stream", "aclose"))
    if given is not None and not able:
        raise _wrong(name, type(given).__name__, "an httpx.AsyncClient")
    return given


_CHECKS: Mapping[str, Callable[[str, Any], object]] = {
    "domain": _issuer,
    "audience": _audience,
    "issuers": _names,
    "algorithms": _algorithms,
    "leeway": _seconds(0, MAX_LEEWAY),
    "scope_claims": _some_names,
    "jwks_url": _jwks_url,
    "jwks_max_age": _seconds(0, math.inf, above=True),
    "jwks_stale_for": _seconds(0, math.inf),
    "jwks_cooldown": _seconds(0, math.inf),
    "jwks_timeout": _seconds(0, math.inf, above=True),
    "jwks_max_bytes": _count(1),
    "token_cache_size": _count(0),
    "max_token_bytes": _count(1),
    "public_paths": _public_paths,
    "protect_docs": _flag,
    "fail_fast": _flag,
    "close_on_expiry": _flag,
    "realm": _realm,
    "clock": _callable,
    "monotonic": _callable,
    "http_client": _http_client,
    "on_event": _optional_callable,
}
