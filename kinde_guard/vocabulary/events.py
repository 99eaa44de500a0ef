"""What the guard counts and tells: one counter for each reason, one event for each happening.

Counting never changes an answer: an observer that raises is logged and ignored. No event and no
counter carries anything of a token.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

logger = logging.getLogger("kinde_guard")

EventName = Literal["verified", "rejected", "keys_fetched", "keys_failed"]


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


@dataclass(frozen=True, slots=True)
class GuardStats:
    """The counters of a guard at one moment.

    Attributes:
        verified: tokens that were accepted, those from the cache included.
        rejected: refusals by reason, such as ``{"expired_token": 3}``.
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
    """Counts what happens in one guard and tells whoever listens.

    Args:
        on_event: called with every event, on the event loop: it must be quick.
    """

    __slots__ = (
        "_on_event",
        "_rejected",
        "cache_hits",
        "key_fetch_failures",
        "key_fetches",
        "verified",
    )

    def __init__(self, on_event: Callable[[GuardEvent], None] | None = None) -> None:
        self._on_event = on_event
        self._rejected: dict[str, int] = {}
        self.verified = 0
        self.cache_hits = 0
        self.key_fetches = 0
        self.key_fetch_failures = 0

    def accepted(self, *, cached: bool) -> None:
        """Count a token that was accepted."""
        self.verified += 1
        self.cache_hits += cached
        if self._on_event is not None:
            _tell(self._on_event, GuardEvent("verified"))

    def refused(self, reason: str) -> None:
        """Count a refusal."""
        self._rejected[reason] = self._rejected.get(reason, 0) + 1
        if self._on_event is not None:
            _tell(self._on_event, GuardEvent("rejected", reason=reason))

    def fetched(self, issuer: str, *, succeeded: bool) -> None:
        """Count a fetch of keys."""
        self.key_fetches += 1
        self.key_fetch_failures += not succeeded
        if self._on_event is not None:
            name: EventName = "keys_fetched" if succeeded else "keys_failed"
            _tell(self._on_event, GuardEvent(name, issuer=issuer))

    def snapshot(self, key_age: float | None) -> GuardStats:
        """Return the counters as they are now."""
        return GuardStats(
            verified=self.verified,
            rejected=dict(self._rejected),
            cache_hits=self.cache_hits,
            key_fetches=self.key_fetches,
            key_fetch_failures=self.key_fetch_failures,
            key_age=key_age,
        )


def _tell(on_event: Callable[[GuardEvent], None], event: GuardEvent) -> None:
    try:
        on_event(event)
    except Exception:
        logger.exception("on_event failed for the event %s", event.name)
