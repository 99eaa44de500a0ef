"""What a guard reports of itself: counters, events for observers, and a log line per rejection.

Reporting never changes an answer: an observer that raises is logged, at most once a minute, and
ignored. Nothing that is reported holds a subject, a scope or any claim besides the ids that
:class:`GuardEvent` names.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self, TypeVar

from kinde_guard.vocabulary.rejection_log import RejectionLog

logger = logging.getLogger("kinde_guard")

EventName = Literal["verified", "rejected", "keys_fetched", "keys_failed"]

FAILURE_LOG_INTERVAL = 60.0
"""Seconds: observers that raise are logged no more often, since they may do so in every request."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class GuardEvent:
    """Something that happened, for ``on_event``.

    Attributes:
        name: ``verified`` (a credential was accepted), ``rejected`` (a request was rejected),
            ``keys_fetched`` or ``keys_failed`` (a fetch of keys ended).
        reason: the reason of a rejection, such as ``expired_token``; otherwise empty.
        issuer: the issuer whose keys were fetched; otherwise empty.
        status: the HTTP status of a rejection.
        method: the HTTP method of a rejected request, or ``WS`` for a WebSocket.
        path: the template of the route that rejected, mounts included; ``None`` before routing.
        client_id: ``azp`` of a rejected token whose signature is right.
        token_id: ``jti`` of such a token.
        org_code: the organization of such a token.
    """

    name: EventName
    reason: str = ""
    issuer: str = ""
    status: int | None = None
    method: str | None = None
    path: str | None = None
    client_id: str | None = None
    token_id: str | None = None
    org_code: str | None = None


class CredentialIds(NamedTuple):
    """The ids of a credential that a report may name: only of one whose signature is right.

    Attributes:
        client_id: ``azp``, the application that the token was issued to.
        token_id: ``jti``, or the id of an API key.
        org_code: the organization that the credential is bound to.
    """

    client_id: str | None = None
    token_id: str | None = None
    org_code: str | None = None

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> Self:
        """Return the ids that verified claims hold; those that are no text are left out.

        Example:
            >>> CredentialIds.of({"azp": "7cf6", "jti": 5})
            CredentialIds(client_id='7cf6', token_id=None, org_code=None)
        """
        token_id = claims.get("jti", claims.get("key_id"))
        org_code = claims.get("org_code", claims.get("x-hasura-org-code"))
        values = (claims.get("azp"), token_id, org_code)
        return cls(*(value if isinstance(value, str) else None for value in values))


NO_IDS = CredentialIds()


@dataclass(frozen=True, slots=True)
class GuardStats:
    """The counters of a guard at one moment.

    Attributes:
        verified: tokens that were accepted, those from the cache included.
        rejected: rejections by reason, such as ``{"expired_token": 3}``.
        cache_hits: accepted tokens whose signature did not have to be checked again.
        key_fetches: key sets that were asked for, good and failed ones.
        key_fetch_failures: fetches that failed.
        key_age: seconds since the oldest key set in hand was fetched; ``None`` without keys.
        revocations_age: seconds since revocations were last read; ``None`` without a list of them.
    """

    verified: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    cache_hits: int = 0
    key_fetches: int = 0
    key_fetch_failures: int = 0
    key_age: float | None = None
    revocations_age: float | None = None


class Recorder:
    """Counts what happens in one guard, and reports it to observers and to the log.

    Without observers a report costs the counter, and a rejection also asks whether its logger is
    enabled.

    Args:
        on_event: the first observer of events.
        monotonic: seconds, for the limits on log lines.
    """

    __slots__ = (
        "_cache_hits",
        "_event_observers",
        "_failure_logged_at",
        "_key_fetch_failures",
        "_key_fetches",
        "_monotonic",
        "_rejected",
        "_rejection_log",
        "_request_observers",
        "_verified",
        "on_duration",
    )

    on_duration: Callable[[float], None] | None
    """Called with the seconds that verifying an unseen token took, whether it was accepted or not.

    ``None`` unless durations are observed: the verifier reads no clock then.
    """

    def __init__(
        self,
        on_event: Callable[[GuardEvent], None] | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._event_observers: tuple[Callable[[GuardEvent], None], ...] = (
            () if on_event is None else (on_event,)
        )
        self._request_observers: tuple[Callable[[str | None], None], ...] = ()
        self.on_duration = None
        self._rejection_log = RejectionLog(monotonic)
        self._monotonic = monotonic
        self._failure_logged_at: float | None = None
        self._rejected: dict[str, int] = {}
        self._verified = 0
        self._cache_hits = 0
        self._key_fetches = 0
        self._key_fetch_failures = 0

    # Observers

    def add_observer(self, callback: Callable[[GuardEvent], None]) -> None:
        """Call ``callback`` with every event, after the observers before it.

        It is called on the event loop, so it must not block.
        """
        self._event_observers = (*self._event_observers, callback)

    def add_request_observer(self, callback: Callable[[str | None], None]) -> None:
        """Call ``callback`` once for each request that ended, as :meth:`request_ended` has it."""
        self._request_observers = (*self._request_observers, callback)

    def add_duration_observer(self, callback: Callable[[float], None]) -> None:
        """Call ``callback`` with the seconds of every verification of an unseen token."""
        earlier = self.on_duration

        def observe(seconds: float) -> None:
            if earlier is not None:
                earlier(seconds)
            self._call(callback, seconds, "a duration")

        self.on_duration = observe

    @property
    def observes_requests(self) -> bool:
        """Whether the end of a request reaches an observer."""
        return bool(self._request_observers)

    @property
    def reports_ids(self) -> bool:
        """Whether the ids of a rejected credential reach an observer or the log."""
        return bool(self._event_observers) or self._rejection_log.is_enabled

    # Reports

    def verified(self, *, cached: bool) -> None:
        """Count a credential that was accepted."""
        self._verified += 1
        self._cache_hits += cached
        if self._event_observers:
            self._notify(GuardEvent("verified"))

    def rejected(
        self,
        reason: str,
        status: int,
        method: str | None = None,
        path: str | None = None,
        *,
        raw_path: str | None = None,
        ids: CredentialIds = NO_IDS,
        note: str | None = None,
    ) -> None:
        """Count a rejection, tell the observers and write its log line.

        Args:
            reason: the error's.
            status: the HTTP status of the answer.
            method: the HTTP method, or ``WS`` for a WebSocket; ``None`` outside of a request.
            path: the template of the route that rejected, mounts included; ``None`` before routing.
            raw_path: the path that was asked for, for the log line of a request without a route.
            ids: of the rejected token, if its signature is right.
            note: for the log line, what may be wrong; fixed text that holds nothing of the token.
        """
        self._rejected[reason] = self._rejected.get(reason, 0) + 1
        if self._event_observers:
            self._notify(GuardEvent("rejected", reason, "", status, method, path, *ids))
        shown_path = raw_path if path is None else path
        self._rejection_log.write(
            status, reason, method, shown_path, ids.client_id, ids.token_id, note
        )

    def keys_fetched(self, issuer: str, *, succeeded: bool) -> None:
        """Count a fetch of keys."""
        self._key_fetches += 1
        self._key_fetch_failures += not succeeded
        if self._event_observers:
            self._notify(GuardEvent("keys_fetched" if succeeded else "keys_failed", issuer=issuer))

    def request_ended(self, reason: str | None) -> None:
        """Report how a request ended, once for each request that had or needed a credential.

        Args:
            reason: why it was rejected, or ``None`` if it was let through.
        """
        for callback in self._request_observers:
            self._call(callback, reason, "the end of a request")

    def flush(self) -> None:
        """Write the log line that sums up rejections and was not written yet."""
        self._rejection_log.flush()

    def snapshot(
        self, key_age: float | None = None, revocations_age: float | None = None
    ) -> GuardStats:
        """Return the counters as they are now.

        Args:
            key_age: seconds since the oldest key set in hand was fetched.
            revocations_age: seconds since revocations were last read.
        """
        return GuardStats(
            verified=self._verified,
            rejected=dict(self._rejected),
            cache_hits=self._cache_hits,
            key_fetches=self._key_fetches,
            key_fetch_failures=self._key_fetch_failures,
            key_age=key_age,
            revocations_age=revocations_age,
        )

    def _notify(self, event: GuardEvent) -> None:
        for callback in self._event_observers:
            self._call(callback, event, f"the event {event.name}")

    def _call(self, callback: Callable[[_T], None], value: _T, what: str) -> None:
        try:
            callback(value)
        except Exception:
            now = self._monotonic()
            last = self._failure_logged_at
            if last is None or now - last >= FAILURE_LOG_INTERVAL:
                self._failure_logged_at = now
                logger.exception("an observer of the guard failed for %s and is ignored", what)
