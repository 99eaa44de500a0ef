"""What a guard can be given besides settings: another kind of credential, and revocations.

Protocols only. ``api_keys/`` and ``revocation/`` hold what this package brings for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class PresentedApiKey(NamedTuple):
    """An API key from its own header.

    Attributes:
        value: the header's value; unchecked.
    """

    value: bytes

    def __repr__(self) -> str:
        return f"<PresentedApiKey of {len(self.value)} bytes>"


Credential = bytes | str | PresentedApiKey
"""What a request presents: a bearer credential, or an API key from its own header."""


class RevocationSnapshot(Protocol):
    """The revocations at one moment; never changed."""

    def check(self, claims: Mapping[str, Any]) -> None:
        """Check the claims of a verified credential.

        Raises:
            RevokedToken: it, its user, organization or application was revoked.
            InvalidClaim: it lives longer than revocations are kept.
        """


class Revocations(Protocol):
    """A list of revocations that is read without waiting, and checked against by snapshot.

    A remembered token is checked again only when ``snapshot`` is another object than the one it
    was checked against.
    """

    @property
    def snapshot(self) -> RevocationSnapshot | None:
        """The revocations in force, or ``None`` where :meth:`current` has to be awaited."""

    async def current(self) -> RevocationSnapshot:
        """Return the revocations in force, fetching them if need be.

        Raises:
            RevocationsUnavailable: there is no snapshot that may be used.
        """

    @property
    def age(self) -> float | None:
        """Seconds since the revocations were last read; ``None`` before, or if kept in memory."""

    async def aclose(self) -> None:
        """Release what is held open."""


class BoundApiKeys(Protocol):
    """Verifies API keys for one guard."""

    def find_cached(self, key: bytes) -> ApiKeyIdentity | None:
        """Return the identity of a key that was verified before and still counts."""

    async def verify(self, key: bytes) -> ApiKeyIdentity:
        """Verify an API key.

        Raises:
            InvalidApiKey: it is not good.
            TooManyUnknownKeys: too many unknown ones were presented.
            ApiKeysUnavailable: whether it is good cannot be asked at the moment.
        """

    async def aclose(self) -> None:
        """Release what is held open in this event loop."""


class ApiKeyIdentity(Protocol):
    """What is known of a good API key.

    Attributes:
        claims: what Kinde answered, read-only.
        scopes: names of the scopes that the key has.
    """

    @property
    def claims(self) -> Mapping[str, Any]:
        """What Kinde answered."""

    @property
    def scopes(self) -> frozenset[str]:
        """Names of the scopes that the key has."""


class ApiKeyVerifier(Protocol):
    """The setting ``api_keys``, before it belongs to a guard."""

    @property
    def header(self) -> str | None:
        """The name of a header that may carry a key, besides ``Authorization``."""

    def bind(
        self,
        issuer: str,
        audience: Sequence[str] | None,
        monotonic: Callable[[], float],
    ) -> BoundApiKeys:
        """Return the verifier of API keys for one guard.

        Args:
            issuer: the guard's own.
            audience: what the guard's API is called in Kinde.
            monotonic: the clock of all ages, in seconds.

        Raises:
            ConfigurationError: it cannot work with these settings.
        """
