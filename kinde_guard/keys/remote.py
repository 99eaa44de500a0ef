"""The keys of an issuer, kept fresh over HTTP.

States of the keys in hand, by their age on a monotonic clock:

========  ==========================================  ===========================================
state     age                                         a request whose key is in hand
========  ==========================================  ===========================================
fresh     up to ``max_age``                           is answered at once
due       up to ``max_age + stale_for``               is answered at once, starts a refresh
too old   more, or there never were any               waits for a fetch
========  ==========================================  ===========================================

Only a fetch changes the keys, and only a good one: a failed fetch keeps them. At most one fetch is
under way in each event loop, everybody waits for the same one, and a waiter who leaves does not end
it. Fetches are spaced: after a success an unknown key id waits for ``cooldown`` before it may cause
another; after a failure nobody tries again for 1 s, then 2, 4, 8 and so on up to 60 s. Retries are
made when somebody asks, never by a timer, so an idle process costs the issuer nothing.

Nothing here is bound to an event loop, a thread or a process when it is made.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from kinde_guard.keys.fetch import KeySetFetcher
from kinde_guard.keys.jwk import PublicKey
from kinde_guard.keys.key_set import KeySet
from kinde_guard.keys.single_flight import Flights
from kinde_guard.vocabulary.errors import InvalidKeySet, KeysUnavailable, UnknownKey

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger("kinde_guard.keys")

MAX_RETRY_DELAY = 60.0
"""Seconds: the longest pause between two tries of an outage."""


class RemoteKeySet:
    """A key set that fetches itself, refreshes itself and outlives outages.

    Args:
        url: where the issuer publishes its keys.
        max_age: seconds after which keys in hand are refreshed in the background.
        stale_for: seconds past ``max_age`` in which they still serve while refreshing fails.
        cooldown: seconds after a successful fetch before an unknown key id may cause another.
        timeout: seconds for a whole fetch.
        max_bytes: a larger key set is a failed fetch.
        http_client: used for fetching if given, and never closed.
        monotonic: the clock of all ages, in seconds.
        on_fetch: called with ``True`` after a good fetch and with ``False`` after a failed one; it
            must not raise.

    Source: RFC 7517; OpenID Connect Core 1.0, section 10.1.1 (rotation of signing keys).

    Example:
        >>> keys = RemoteKeySet("https://acme.kinde.com/.well-known/jwks")
        >>> keys.usable, keys.age
        (False, None)
    """

    def __init__(  # noqa: PLR0913 - one parameter a setting
        self,
        url: str,
        *,
        max_age: float = 600,
        stale_for: float = 86_400,
        cooldown: float = 30,
        timeout: float = 5,
        max_bytes: int = 262_144,
        http_client: httpx.AsyncClient | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        on_fetch: Callable[[bool], None] | None = None,
    ) -> None:
        self._fetcher = KeySetFetcher(
            url, timeout=timeout, max_bytes=max_bytes, http_client=http_client
        )
        self._max_age = max_age
        self._limit = max_age + stale_for
        self._cooldown = cooldown
        self._monotonic = monotonic
        self._on_fetch = on_fetch
        self._keys: KeySet | None = None
        self._fetched_at = -math.inf
        self._failures = 0
        self._retry_at = -math.inf
        self._flights = Flights(self._try, "kinde-guard key fetch")

    @property
    def url(self) -> str:
        """Where the keys come from."""
        return self._fetcher.url

    @property
    def age(self) -> float | None:
        """Seconds since the last good fetch; ``None`` before the first."""
        return None if self._keys is None else self._monotonic() - self._fetched_at

    @property
    def usable(self) -> bool:
        """Whether keys are in hand and not too old."""
        return self._monotonic() - self._fetched_at <= self._limit

    @property
    def in_hand(self) -> KeySet | None:
        """The keys that may be used now, without waiting; a due refresh is started."""
        age = self._monotonic() - self._fetched_at
        if age > self._limit:
            return None
        if age > self._max_age:
            self.refresh_soon()
        return self._keys

    def refresh_soon(self) -> None:
        """Start a refresh in the background if one is due, may be tried and can run here."""
        now = self._monotonic()
        if now - self._fetched_at <= self._max_age or now < self._retry_at:
            return
        # Where no event loop runs in this thread, there is nothing to run a refresh in.
        with suppress(RuntimeError):
            self._flights.join()

    async def current(self) -> KeySet:
        """Return the keys in hand, or fetch them if there are none that may be used.

        Raises:
            KeysUnavailable: there are none, and none can be had.
        """
        keys = self.in_hand
        return await self.refresh() if keys is None else keys

    async def refresh(self) -> KeySet:
        """Fetch the keys now, or wait for the fetch that is under way.

        Raises:
            KeysUnavailable: the fetch failed, or the pause after a failure is not over.
        """
        if self._monotonic() < self._retry_at:
            raise self._unavailable()
        keys = await self._flights.join().result()
        if keys is None:
            raise self._unavailable()
        return keys

    def held(self, kid: str | None) -> tuple[PublicKey, ...]:
        """Return the keys in hand with this id, without waiting; a due refresh is started."""
        if kid is None:
            return ()
        keys = self.in_hand
        return () if keys is None else keys.by_kid.get(kid, ())

    async def find(self, kid: str | None) -> tuple[PublicKey, ...]:
        """Return the keys with this id, fetching only where that can help.

        Raises:
            UnknownKey: the issuer has no such key, or no id was given.
            KeysUnavailable: whether it has one cannot be found out at the moment.
        """
        found = self.held(kid)
        if found:
            return found
        if kid is None or (self.usable and self._cooling_down()):
            raise UnknownKey
        found = (await self.refresh()).find(kid)
        if not found:
            raise UnknownKey
        return found

    async def aclose(self) -> None:
        """End a fetch that is under way in this event loop. The object stays usable."""
        await self._flights.cancel()

    def _cooling_down(self) -> bool:
        if self._failures:
            return False
        return self._monotonic() - self._fetched_at < self._cooldown

    async def _try(self) -> KeySet | None:
        try:
            keys = await self._fetcher.fetch()
        except Exception as error:  # noqa: BLE001 - whatever went wrong, there are no new keys
            self._failed(error)
            return None
        self._keys, self._fetched_at = keys, self._monotonic()
        self._failures, self._retry_at = 0, -math.inf
        self._tell(succeeded=True)
        return keys

    def _failed(self, error: Exception) -> None:
        delay = min(MAX_RETRY_DELAY, 2.0 ** min(self._failures, 10))
        if self._failures:
            # Spread the retries of a fleet whose processes all lost the issuer at one moment.
            delay *= random.uniform(0.8, 1.0)  # noqa: S311 - no secret
        self._failures += 1
        self._retry_at = self._monotonic() + delay
        reason = str(error) if isinstance(error, InvalidKeySet) else type(error).__name__
        logger.warning("fetching %s failed (%s), next try in %.1f s", self.url, reason, delay)
        self._tell(succeeded=False)

    def _tell(self, *, succeeded: bool) -> None:
        if self._on_fetch is not None:
            self._on_fetch(succeeded)

    def _unavailable(self) -> KeysUnavailable:
        pause = self._retry_at - self._monotonic()
        return KeysUnavailable(math.ceil(pause) if pause > 0 else 1)
