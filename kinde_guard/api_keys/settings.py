"""``ApiKeys``: the setting ``api_keys`` of a guard, checked once and then frozen."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from kinde_guard.api_keys.api_binding import ApiBinding
from kinde_guard.api_keys.lookup import KeyLookup
from kinde_guard.api_keys.management_requests import ManagementRequests
from kinde_guard.api_keys.own_token import OwnToken
from kinde_guard.api_keys.verifier import KeyVerifier
from kinde_guard.vocabulary import checks
from kinde_guard.vocabulary.errors import ConfigurationError
from kinde_guard.vocabulary.urls import issuer_url, wrong

if TYPE_CHECKING:
    import httpx

    from kinde_guard.client import ClientCredentials

logger = logging.getLogger("kinde_guard.api_keys")

T = TypeVar("T")

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")

_OTHER_MEANING = frozenset(
    {
        "accept",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "origin",
        "proxy-authorization",
        "referer",
        "sec-websocket-key",
        "set-cookie",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "www-authenticate",
    }
)
"""Header names that carry something else, in lower case."""


def _header(name: str, given: object) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or _HEADER_NAME.fullmatch(given) is None:
        raise wrong(name, given, "the name of a header, such as 'X-API-Key', or None")
    if given.lower() in _OTHER_MEANING:
        raise wrong(name, given, "a header that has no other meaning, such as 'X-API-Key'")
    return given


def _credentials(name: str, given: object) -> object:
    # Asked by what it can do: importing ClientCredentials imports httpx.
    able = all(callable(getattr(given, method, None)) for method in ("fetch", "afetch", "forget"))
    if given is not None and (not able or isinstance(given, type)):
        # Its type only: a client secret may have been given in its place.
        raise wrong(name, type(given).__name__, "kinde_guard.client.ClientCredentials(...) or None")
    return given


def _setting(default: T, check: Callable[[str, Any], object], doc: str, *, shown: bool = True) -> T:
    declared: T = field(default=default, repr=shown, metadata={"check": check, "doc": doc})
    return declared


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeys:
    """Accepts Kinde API keys beside access tokens: ``KindeGuard(..., api_keys=ApiKeys(...))``.

    Durations are seconds, as int or float.

    Args:
        credentials: ``ClientCredentials`` for the audience ``https://acme.kinde.com/api`` with the
            scopes ``read:api_keys`` and ``read:apis``. With them a key has to belong to the guard's
            API. Without them any key of the tenant passes whose scopes have the right names, also
            one that was made for another API.
        domain: where to ask, if not at the guard's own domain: a custom domain, a container.
        max_age: seconds for which an answer holds; so long may a revoked key still pass.
        stale_for: seconds after its last good answer in which a key stays good while Kinde cannot
            be asked.
        timeout: seconds for a whole verification.
        unknown_per_minute: answers "not good" per minute; over that, unknown keys are refused
            without asking.
        header: the name of a header that may carry a key, besides ``Authorization``.
        http_client: sends the requests if given, and stays open.
        http_hosts: hosts besides loopback that ``domain`` may name by plain http.

    Raises:
        ConfigurationError: a setting makes no sense; the message names it.

    Source: Kinde, "Verify API keys in your API".

    Example:
        >>> keys = ApiKeys(header="X-API-Key")
        >>> keys.max_age, keys.header
        (300, 'X-API-Key')
    """

    credentials: ClientCredentials | None = _setting(  # noqa: RUF009
        None, _credentials, "`ClientCredentials(...)`, so that keys of other APIs are refused"
    )
    domain: str | None = _setting(
        None, checks.anything, "where to ask, if not at the guard's own domain"
    )
    max_age: float = _setting(300, checks.seconds(0), "seconds for which an answer holds")
    stale_for: float = _setting(
        600, checks.seconds(0), "seconds for which a good key stays good while Kinde is down"
    )
    timeout: float = _setting(
        5, checks.seconds(0, above=True), "seconds for a whole verification of a key"
    )
    unknown_per_minute: int = _setting(
        60,
        checks.count(1),
        "answers `not good` a minute, over which unknown keys are not asked for",
    )
    header: str | None = _setting(
        None, _header, "a header that may carry a key, besides `Authorization`"
    )
    http_client: httpx.AsyncClient | None = _setting(  # noqa: RUF009
        None, checks.http_client, "sends the requests, and is never closed", shown=False
    )
    http_hosts: Sequence[str] = _setting(
        (), checks.hosts, "hosts besides loopback that may be reached by plain http"
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            check = setting.metadata["check"]
            self._set(setting.name, check(setting.name, getattr(self, setting.name)))
        if self.domain is not None:
            self._set("domain", issuer_url("domain", self.domain, self.http_hosts))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def bind(
        self,
        issuer: str,
        audience: Sequence[str] | None,
        monotonic: Callable[[], float],
    ) -> KeyVerifier:
        """Return the verifier of API keys for one guard.

        Args:
            issuer: the guard's own; asked unless ``domain`` names another address.
            audience: what the guard's API is called in Kinde.
            monotonic: the clock of all ages, in seconds.

        Raises:
            ConfigurationError: there are credentials, but no audience to find the API by.

        Example:
            >>> import time
            >>> keys = ApiKeys().bind("https://acme.kinde.com", ("users-api",), time.monotonic)
            >>> keys.find_cached(b"k_live_0123") is None
            True
        """
        token, binding = None, None
        if self.credentials is None:
            logger.warning(
                "api_keys has no credentials: keys of other APIs of the tenant pass where their"
                " scopes have the same names; give ApiKeys(credentials=ClientCredentials(...))"
                " with the scopes read:api_keys and read:apis"
            )
        else:
            token = OwnToken(self.credentials, monotonic)
            binding = ApiBinding(_named(audience))
        management = ManagementRequests(
            self.domain or issuer, token, timeout=self.timeout, http_client=self.http_client
        )
        return KeyVerifier(
            KeyLookup(management, binding, timeout=self.timeout),
            max_age=self.max_age,
            stale_for=self.stale_for,
            timeout=self.timeout,
            unknown_per_minute=self.unknown_per_minute,
            monotonic=monotonic,
        )


def _named(audience: Sequence[str] | None) -> frozenset[str]:
    if not audience:
        raise ConfigurationError(
            "api_keys: with credentials a key must belong to the guard's API, which is found by its"
            " audience, and audience is None; name the audience, or leave credentials out"
        )
    return frozenset((audience,) if isinstance(audience, str) else audience)
