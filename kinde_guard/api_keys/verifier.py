"""The verifier of API keys for one guard.

States of a key that was good, by the time since Kinde called it so:

=======  ===================  =====================================================================
state    age                  a request
=======  ===================  =====================================================================
fresh    under ``max_age``    is answered at once
due      more                 waits for a look-up; without an answer the key stays good until
                              ``stale_for``, and after that there is no verdict
=======  ===================  =====================================================================

A key that is not good is remembered for ``max_age`` too. A key that is unknown is looked up, unless
too many unknown ones were not good in the last minute. One look-up serves all who wait for it.
While Kinde does not answer it is asked again as :mod:`kinde_guard.api_keys.backoff` allows.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from enum import Enum, auto
from functools import partial

from kinde_guard.api_keys.backoff import Backoff
from kinde_guard.api_keys.cache import BoundedMap, GoodKey
from kinde_guard.api_keys.lookup import KeyLookup
from kinde_guard.api_keys.no_answer import NoAnswer
from kinde_guard.api_keys.single_flight import SingleFlight
from kinde_guard.api_keys.throttle import UnknownKeyThrottle
from kinde_guard.api_keys.verification_answer import VerifiedKey
from kinde_guard.vocabulary.errors import ApiKeysUnavailable, InvalidApiKey, TooManyUnknownKeys

logger = logging.getLogger("kinde_guard.api_keys")

MAX_GOOD = 4_096
MAX_REFUSED = 4_096
"""Keys to remember."""

# Visible ASCII but the dot: a value with a dot is meant as a token.
_is_key = re.compile(rb"[\x21-\x2d\x2f-\x7e]{1,512}").fullmatch

_sha256 = hashlib.sha256


class _Outcome(Enum):
    """What a look-up ended with, where the key is not good."""

    REFUSED = auto()
    THROTTLED = auto()
    NO_ANSWER = auto()


class KeyVerifier:
    """Verifies API keys; made by :meth:`kinde_guard.api_keys.ApiKeys.bind`.

    Args:
        lookup: asks Kinde.
        max_age: seconds for which an answer holds.
        stale_for: seconds after its last good answer in which a key stays good during an outage.
        timeout: seconds that a look-up takes at most.
        unknown_per_minute: answers "not good" that unknown keys may cause in a minute.
        monotonic: the clock of all ages, in seconds.
    """

    def __init__(
        self,
        lookup: KeyLookup,
        *,
        max_age: float,
        stale_for: float,
        timeout: float,
        unknown_per_minute: int,
        monotonic: Callable[[], float],
    ) -> None:
        self._lookup = lookup
        self._max_age = max_age
        self._stale_for = stale_for
        self._monotonic = monotonic
        self._good: BoundedMap[GoodKey] = BoundedMap(MAX_GOOD)
        self._refused_until: BoundedMap[float] = BoundedMap(MAX_REFUSED)
        self._throttle = UnknownKeyThrottle(unknown_per_minute, monotonic)
        self._backoff = Backoff(timeout, monotonic)
        self._lookups: SingleFlight[VerifiedKey | _Outcome] = SingleFlight("kinde-guard API key")

    def find_cached(self, key: bytes) -> VerifiedKey | None:
        """Return a key whose last good answer still holds, without waiting; else ``None``.

        Args:
            key: the bytes that were presented, whatever they are.
        """
        if _is_key(key) is None:
            return None
        entry = self._good.get(_sha256(key).digest())
        if entry is None or self._monotonic() >= entry.fresh_until:
            return None
        return entry.key

    async def verify(self, key: bytes) -> VerifiedKey:
        """Verify an API key.

        Args:
            key: the bytes that were presented, whatever they are.

        Raises:
            InvalidApiKey: it is not good.
            TooManyUnknownKeys: too many unknown ones were not good in the last minute.
            ApiKeysUnavailable: Kinde cannot be asked at the moment.
        """
        if _is_key(key) is None:
            raise InvalidApiKey
        digest, now = _sha256(key).digest(), self._monotonic()
        entry = self._good.get(digest)
        if entry is not None and now < entry.fresh_until:
            return entry.key
        refused_until = self._refused_until.get(digest)
        if refused_until is not None and now < refused_until:
            raise InvalidApiKey
        outcome = await self._outcome(key, digest, is_unknown=entry is None)
        if isinstance(outcome, VerifiedKey):
            return outcome
        if outcome is _Outcome.REFUSED:
            raise InvalidApiKey
        if outcome is _Outcome.THROTTLED:
            raise TooManyUnknownKeys(self._throttle.retry_after or 1)
        return self._stale(digest)

    async def aclose(self) -> None:
        """Cancel the look-ups that are under way in this event loop. The object stays usable."""
        await self._lookups.cancel()

    async def _outcome(
        self, key: bytes, digest: bytes, *, is_unknown: bool
    ) -> VerifiedKey | _Outcome:
        task = self._lookups.get(digest)
        if task is None:
            if self._backoff.retry_after is not None:
                return _Outcome.NO_ANSWER
            if is_unknown and self._throttle.retry_after is not None:
                return _Outcome.THROTTLED
            work = self._look_up_unknown if is_unknown else self._look_up
            task = self._lookups.start(digest, partial(work, key, digest))
        return await task.result() or _Outcome.NO_ANSWER

    async def _look_up_unknown(self, key: bytes, digest: bytes) -> VerifiedKey | _Outcome:
        # Look-ups that were started together have not reserved anything yet.
        if self._throttle.retry_after is not None:
            return _Outcome.THROTTLED
        with self._throttle.reserve() as spend:
            outcome = await self._look_up(key, digest)
            if outcome is _Outcome.REFUSED:
                spend()
            return outcome

    async def _look_up(self, key: bytes, digest: bytes) -> VerifiedKey | _Outcome:
        if self._backoff.retry_after is not None:
            return _Outcome.NO_ANSWER
        begun, asked_at = self._backoff.begin(), self._monotonic()
        try:
            verified = await self._lookup.verify(key)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, there is no verdict
            self._failed(begun, error)
            return _Outcome.NO_ANSWER
        self._backoff.answered()
        return self._remember(digest, verified, asked_at)

    def _remember(
        self, digest: bytes, verified: VerifiedKey | None, asked_at: float
    ) -> VerifiedKey | _Outcome:
        holds_until = asked_at + self._max_age
        if verified is None:
            self._good.drop(digest)
            self._refused_until.put(digest, holds_until)
            return _Outcome.REFUSED
        self._refused_until.drop(digest)
        self._good.put(digest, GoodKey(verified, asked_at, holds_until))
        return verified

    def _failed(self, begun: int, error: Exception) -> None:
        # The type only of what httpx raised: its text is not ours to log.
        reason = str(error) if isinstance(error, NoAnswer) else type(error).__name__
        asked_for = error.retry_after if isinstance(error, NoAnswer) else None
        delay = self._backoff.failed(begun, asked_for)
        logger.warning("%s: no answer (%s), next try in %.1f s", self._lookup.url, reason, delay)

    def _stale(self, digest: bytes) -> VerifiedKey:
        """Return a key that was good a short time ago.

        Raises:
            ApiKeysUnavailable: it was not.
        """
        entry = self._good.get(digest)
        if entry is not None and self._monotonic() - entry.verified_at <= self._stale_for:
            return entry.key
        raise ApiKeysUnavailable(self._backoff.retry_after or 1)
