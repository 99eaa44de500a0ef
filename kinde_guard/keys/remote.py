"""The keys of an issuer, kept fresh over HTTP.

States of the keys in hand, by their age on a monotonic clock:

========  ==========================================  ===========================================
state     age                                         a request whose key is in hand
========  ==========================================  ===========================================
fresh     up to ``max_age``                           is answered at once
due       up to ``max_age + stale_for``               is answered at once, starts a refresh
overdue   as due, and a refresh was begun that did    waits for a fetch; if that fails, the keys
          not end within ``timeout``                  in hand serve on
too old   more, or there never were any               waits for a fetch
========  ==========================================  ===========================================

Only a fetch changes the keys, and only a good one: a failed fetch keeps them. At most one fetch is
under way in each event loop and all callers there share it; a caller that stops waiting does not
end it. Fetches are spaced: after a success an unknown key id waits for ``cooldown`` before it may
cause another; after a failure there is a pause (:mod:`.backoff`). Retries are made on demand, never
by a timer, so an idle process costs the issuer nothing.

An event loop may stand still between requests, or each request may have one of its own: such a
fetch ends late or never. Its failure is no failure of the server, so it is made anew; and the age
of keys counts from the start of their fetch, so that neither a late answer nor the slower of two
event loops replaces newer keys.

Nothing here is bound to an event loop, a thread or a process when it is made.
"""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from kinde_guard.keys.backoff import Backoff
from kinde_guard.keys.fetch import KeyServerBusy, KeySetFetcher
from kinde_guard.keys.jwk import PublicKey
from kinde_guard.keys.key_set import KeySet
from kinde_guard.keys.single_flight import Fetch, SingleFlight
from kinde_guard.keys.threaded_refresh import ThreadedRefresh
from kinde_guard.vocabulary.attempt import Attempt
from kinde_guard.vocabulary.clocks import monotonic_time
from kinde_guard.vocabulary.errors import InvalidKeySet, KeysUnavailable, UnknownKey
from kinde_guard.vocabulary.network import TIMED_OUT, ProxySettingsError, describe_failure

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger("kinde_guard.keys")

MAX_ATTEMPTS: Final = 3
"""Attempts for which a caller waits where fetches stand still."""

_PROGRAMMING_ERRORS: Final = (AttributeError, TypeError, ImportError)


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
        >>> keys.is_usable, keys.age
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
        monotonic: Callable[[], float] = monotonic_time,
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
        self._fetched_by = -1
        self._backoff = Backoff()
        self._last_error: str | None = None
        self._has_reported_defect = False
        self._numbers = itertools.count()
        self._flights = SingleFlight(self._fetch_once, self._begin, "kinde-guard key fetch")
        self._unfinished: Fetch[KeySet | None] | None = None
        self._threaded = ThreadedRefresh(self._join, self._refresh_quietly, self._not_refreshed)

    @property
    def url(self) -> str:
        """Where the keys come from."""
        return self._fetcher.url

    @property
    def age(self) -> float | None:
        """Seconds since the fetch that brought the keys began; ``None`` before the first."""
        return None if self._keys is None else max(0.0, self._monotonic() - self._fetched_at)

    @property
    def last_error(self) -> str | None:
        """Why the last fetch failed, in words; ``None`` if it succeeded or there was none."""
        return self._last_error

    @property
    def is_usable(self) -> bool:
        """Whether keys are in hand and not too old."""
        return self._monotonic() - self._fetched_at <= self._limit

    @property
    def current_or_none(self) -> KeySet | None:
        """The keys that may be used now, without waiting; a due refresh is started."""
        now = self._monotonic()
        if 0 <= now - self._fetched_at <= self._max_age:
            return self._keys
        self._check_clock(now)
        if now - self._fetched_at > self._limit or self._is_overdue():
            return None
        self.refresh_soon()
        return self._keys

    def refresh_soon(self) -> None:
        """Start a refresh in the background if one is due and may be tried.

        In a thread without an event loop (a ``def`` endpoint) it runs in the event loop that the
        thread works for, else in a thread of its own, of which there is at most one.
        """
        now = self._monotonic()
        if not self._is_due(now) or self._pause_left(now):
            return
        try:
            self._join()
        except RuntimeError:
            self._threaded.start()

    async def current(self) -> KeySet:
        """Return the keys in hand, or fetch them if there are none that may be used.

        Raises:
            KeysUnavailable: there are none, and none can be had.
        """
        keys = self.current_or_none
        if keys is not None:
            return keys
        try:
            return await self.refresh()
        except KeysUnavailable:
            if self._keys is None or not self.is_usable:
                raise
            return self._keys

    async def refresh(self) -> KeySet:
        """Fetch the keys now, or wait for the fetch that is under way.

        Raises:
            KeysUnavailable: the fetch failed, or the pause after a failure is not over.
        """
        keys: KeySet | None = None
        for _ in range(MAX_ATTEMPTS):
            if self._pause_left(self._monotonic()):
                raise self._unavailable()
            fetch = self._join()
            keys = await fetch.task.result()
            if not (fetch.attempt.stood_still and self._is_due(self._monotonic())):
                break
        else:
            self._record_failure(TIMED_OUT)
        if keys is None:
            raise self._unavailable()
        return keys

    def find_cached(self, kid: str | None) -> tuple[PublicKey, ...]:
        """Return the keys in hand with this id, without waiting; a due refresh is started."""
        if kid is None:
            return ()
        keys = self.current_or_none
        return () if keys is None else keys.by_kid.get(kid, ())

    async def find(self, kid: str | None) -> tuple[PublicKey, ...]:
        """Return the keys with this id, fetching only where that can help.

        Raises:
            UnknownKey: the issuer has no such key, or no id was given.
            KeysUnavailable: whether it has one cannot be found out at the moment.
        """
        matching = self.find_cached(kid)
        if matching:
            return matching
        if kid is None or (self.is_usable and self._is_cooling_down()):
            raise UnknownKey
        matching = await self._fetch_matching(kid)
        if not matching:
            raise UnknownKey
        return matching

    async def aclose(self) -> None:
        """End a fetch that is under way in this event loop. The object stays usable."""
        await self._flights.cancel()

    async def _fetch_matching(self, kid: str) -> tuple[PublicKey, ...]:
        try:
            return (await self.refresh()).find(kid)
        except KeysUnavailable:
            # A failed fetch keeps the keys in hand. One of them serves on here only where it had
            # to be fetched anew because a refresh did not end.
            kept = self._keys.find(kid) if self._keys is not None and self.is_usable else ()
            if not kept:
                raise
            return kept

    def _is_due(self, now: float) -> bool:
        return not 0 <= now - self._fetched_at <= self._max_age

    def _check_clock(self, now: float) -> None:
        if now < self._fetched_at:
            # The clock was set back, so the age is unknown: it counts from ``max_age`` on.
            self._fetched_at = now - self._max_age - 1

    def _is_cooling_down(self) -> bool:
        if self._backoff.failures or self._is_overdue():
            return False
        return 0 <= self._monotonic() - self._fetched_at < self._cooldown

    def _is_overdue(self) -> bool:
        """Tell whether a refresh was begun that ended without a result, or will not end."""
        fetch = self._unfinished
        return fetch is not None and (fetch.task.done or fetch.attempt.is_overdue)

    def _join(self) -> Fetch[KeySet | None]:
        fetch = self._flights.join()
        if self._unfinished is None and not fetch.task.done:
            self._unfinished = fetch
        return fetch

    def _begin(self) -> Attempt:
        return Attempt(next(self._numbers), self._fetcher.timeout, self._monotonic)

    async def _fetch_once(self, attempt: Attempt) -> KeySet | None:
        try:
            keys = await self._fetcher.fetch()
        except Exception as error:  # noqa: BLE001 - whatever went wrong, there are no new keys
            attempt.look()
            return self._fetch_failed(error, attempt)
        attempt.look()
        return self._fetch_succeeded(keys, attempt)

    def _fetch_succeeded(self, keys: KeySet, attempt: Attempt) -> KeySet | None:
        if attempt.number > self._fetched_by:
            self._keys, self._fetched_at = keys, attempt.started_at
            self._fetched_by = attempt.number
            self._backoff.succeeded()
            self._last_error = None
            if not self._is_due(self._monotonic()):
                self._unfinished = None
        self._notify(succeeded=True)
        return self._keys

    def _fetch_failed(self, error: Exception, attempt: Attempt) -> KeySet | None:
        if attempt.stood_still:
            logger.info("fetching %s stood still with its event loop; it is made anew", self.url)
            return None
        if attempt.number < self._fetched_by:
            # A later fetch succeeded meanwhile, in another event loop.
            self._notify(succeeded=False)
            return self._keys
        self._record_failure(
            self._words_for(error), error.asked if isinstance(error, KeyServerBusy) else 0.0
        )
        if isinstance(error, _PROGRAMMING_ERRORS) and not self._has_reported_defect:
            self._has_reported_defect = True
            logger.error("fetching %s met a programming error", self.url, exc_info=error)
        return None

    def _record_failure(self, words: str, asked: float = 0.0) -> None:
        now = self._monotonic()
        self._backoff.failed(now, asked)
        self._last_error, self._unfinished = words, None
        pause = self._pause_left(now)
        logger.warning("fetching %s failed (%s), next try in %.1f s", self.url, words, pause)
        self._notify(succeeded=False)

    def _words_for(self, error: Exception) -> str:
        if isinstance(error, (InvalidKeySet, ProxySettingsError)):
            return str(error)
        return describe_failure(error, self.url)

    def _notify(self, *, succeeded: bool) -> None:
        if self._on_fetch is not None:
            self._on_fetch(succeeded)

    async def _refresh_quietly(self) -> None:
        with suppress(KeysUnavailable):
            await self.refresh()

    def _not_refreshed(self, error: Exception) -> None:
        self._record_failure(self._words_for(error))

    def _pause_left(self, now: float) -> float:
        return self._backoff.left(now, has_keys=self.is_usable)

    def _unavailable(self) -> KeysUnavailable:
        return KeysUnavailable(math.ceil(self._pause_left(self._monotonic())) or 1)
