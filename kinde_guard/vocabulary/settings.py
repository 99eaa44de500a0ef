"""Every setting of a guard: its type, default, check and documentation, each written once.

A setting that makes no sense raises :class:`ConfigurationError` where the guard is made, with a
message that names the setting, what was given and what was expected. After that nothing about the
configuration can fail, and nothing can change it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from kinde_guard.vocabulary import checks
from kinde_guard.vocabulary.clocks import monotonic_time, system_time
from kinde_guard.vocabulary.errors import ConfigurationError
from kinde_guard.vocabulary.urls import check_url, issuer_url, wrong, wrong_url

if TYPE_CHECKING:
    import httpx

    from kinde_guard.vocabulary.events import GuardEvent
    from kinde_guard.vocabulary.extensions import ApiKeyVerifier, Revocations

logger = logging.getLogger("kinde_guard")

JWKS_PATH = "/.well-known/jwks"

T = TypeVar("T")


def _setting(default: T, check: Callable[[str, Any], object], doc: str, *, shown: bool = True) -> T:
    """Declare a setting: what it is without being given, what it must be, and what it is for."""
    metadata = {"check": check, "doc": doc}
    declared: T = field(default=default, repr=shown, metadata=metadata)
    return declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one guard.

    Durations are seconds, as int or float; sizes are whole numbers of bytes or entries. What each
    setting is for stands in its ``doc``; :func:`documented` lists them.

    Raises:
        ConfigurationError: a setting makes no sense.

    Example:
        >>> Settings(domain="acme.kinde.com", audience="https://api.acme.com").issuers
        ('https://acme.kinde.com',)
    """

    domain: str = field(
        metadata={"doc": "the tenant, `acme.kinde.com` or `https://acme.kinde.com`"}
    )
    audience: str | Sequence[str] | None = field(
        metadata={
            "doc": "what this API is called in Kinde, one name or several; an explicit `None` "
            "accepts tokens for any audience but the issuer's own"
        }
    )
    issuers: Sequence[str] = _setting(
        (), checks.names, "further exact issuers to trust, each with its own keys"
    )
    algorithms: Sequence[str] = _setting(
        ("RS256",), checks.algorithms, "signature algorithms to accept"
    )
    leeway: float = _setting(5, checks.seconds(0, 300), "by how much clocks may differ, 0 to 300 s")
    scope_claims: Sequence[str] = _setting(
        ("scope", "scp"),
        checks.some_names,
        "claims that may hold the scopes; the first that is present decides, even when empty",
    )
    permissions_as_scopes: bool = _setting(
        False,
        checks.flag,
        "a signed-in user's token is granted the names in `permissions` as well; a machine's never",
    )
    jwks_url: str | None = _setting(
        None, checks.anything, "where the keys of `domain` are, if not at `/.well-known/jwks`"
    )
    jwks_max_age: float = _setting(
        600, checks.seconds(0, above=True), "seconds after which keys are refreshed"
    )
    jwks_stale_for: float = _setting(
        86_400, checks.seconds(0), "seconds past that in which keys still serve while that fails"
    )
    jwks_cooldown: float = _setting(
        30, checks.seconds(0), "seconds after a fetch before an unknown key id causes another"
    )
    jwks_timeout: float = _setting(
        5, checks.seconds(0, above=True), "seconds for a whole fetch of keys"
    )
    jwks_max_bytes: int = _setting(262_144, checks.count(1), "a larger key set is a failed fetch")
    token_cache_size: int = _setting(
        4_096, checks.count(0), "verified tokens to remember; 0 turns that off"
    )
    max_token_bytes: int = _setting(16_384, checks.count(1), "a larger token is malformed")
    public_paths: Sequence[str] = _setting(
        (),
        checks.paths,
        "`/path` or `/prefix/*`, each optionally after a method (`POST /hooks`), that need no "
        "token; one that is presented is verified all the same",
    )
    unverified_paths: Sequence[str] = _setting(
        (),
        checks.paths,
        "written as public paths; there the guard looks at nothing, and there is no `AccessToken`",
    )
    protect_docs: bool = _setting(
        False, checks.flag, "whether the docs and the OpenAPI document need a token too"
    )
    fail_fast: bool = _setting(
        False, checks.flag, "whether the application refuses to start without keys"
    )
    close_on_expiry: bool = _setting(
        False, checks.flag, "whether a WebSocket is closed when its token expires"
    )
    realm: str = _setting("api", checks.realm, "the realm that challenges name")
    http_hosts: Sequence[str] = _setting(
        (), checks.hosts, "hosts besides loopback that may be reached by plain http"
    )
    resource: str | None = _setting(
        None, checks.anything, "this API's identifier; serves its RFC 9728 metadata"
    )
    resource_name: str | None = _setting(
        None, checks.optional_text, "what a person calls the resource, for its metadata"
    )
    api_keys: ApiKeyVerifier | None = _setting(
        None, checks.extension("bind"), "`ApiKeys(...)`: Kinde API keys count as well", shown=False
    )
    revocations: Revocations | None = _setting(
        None,
        checks.extension("current"),
        "`MemoryRevocations()` or `RedisRevocations(url)`: refuse what was revoked",
        shown=False,
    )
    clock: Callable[[], float] = _setting(
        system_time,
        checks.callable_,
        "seconds since the epoch, for the times in tokens",
        shown=False,
    )
    monotonic: Callable[[], float] = _setting(
        monotonic_time, checks.callable_, "seconds, for the ages of keys", shown=False
    )
    http_client: httpx.AsyncClient | None = _setting(
        None,
        checks.http_client,
        "fetches the keys instead of a client of the guard's own; never closed",
        shown=False,
    )
    on_event: Callable[[GuardEvent], None] | None = _setting(
        None, checks.optional_callable, "is called with every `GuardEvent`", shown=False
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            check = setting.metadata.get("check")
            if check is not None:
                self._set(setting.name, check(setting.name, getattr(self, setting.name)))
        issuer = issuer_url("domain", self.domain, self.http_hosts)
        further = (issuer_url("issuers", given, self.http_hosts) for given in self.issuers)
        self._set("domain", issuer)
        self._set("issuers", tuple(dict.fromkeys((issuer, *further))))
        self._set("audience", checks.audience("audience", self.audience))
        self._set("jwks_url", self._checked_url("jwks_url", self.jwks_url))
        self._set("resource", _resource(self._checked_url("resource", self.resource)))
        self._check_together()

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _checked_url(self, name: str, given: object) -> str | None:
        return None if given is None else check_url(name, given, self.http_hosts).geturl()

    def _check_together(self) -> None:
        for issuer in self.issuers:
            if self.audience is not None and issuer in self.audience:
                expected = "the API's own audience; the issuer is the audience of ID tokens"
                raise wrong("audience", issuer, expected)
        if self.resource_name is not None and self.resource is None:
            raise ConfigurationError("resource_name: it names a resource; set resource as well")

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

    def warn_of_plain_http(self) -> None:
        """Log a warning that names the hosts which may be reached by plain http."""
        if self.http_hosts:
            hosts = ", ".join(self.http_hosts)
            logger.warning("plain http is allowed for %s: use it on a network of your own", hosts)


def _resource(given: str | None) -> str | None:
    # RFC 9728, 1.2: a resource identifier has no fragment; a query has no well-known place here.
    if given is not None and ("#" in given or "?" in given):
        raise wrong_url("resource", given, "an https:// URL without query and fragment")
    return given


SETTING_NAMES = frozenset(setting.name for setting in fields(Settings))


def documented() -> list[tuple[str, object, str]]:
    """Return each setting's name, default and documentation, in the order of declaration.

    Example:
        >>> documented()[4][:2]
        ('leeway', 5)
    """
    return [(each.name, each.default, each.metadata["doc"]) for each in fields(Settings)]
