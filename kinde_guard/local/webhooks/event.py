"""One event, and its signed form: a JWT without issuer, audience and expiry, as Kinde sends it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self

Source = Literal["admin", "api", "user"]
"""What caused an event: the console, the Management API, or a person."""


@dataclass(frozen=True)
class Event:
    """Something that happened in the tenant.

    Attributes:
        id: ``event_`` and 32 hex digits.
        type: such as ``user.deleted``.
        source: what caused it.
        timestamp: as ISO 8601, in UTC.
        data: what it is about.
    """

    id: str
    type: str
    source: Source
    timestamp: str
    data: Mapping[str, Any]

    @classmethod
    def at(
        cls, seconds: float, event_type: str, data: Mapping[str, Any], *, source: Source = "admin"
    ) -> Self:
        """Return an event that happened at a time in seconds since the epoch.

        Example:
            >>> Event.at(0, "user.deleted", {"user": {"id": "kp_1"}}).timestamp
            '1970-01-01T00:00:00.000000+00:00'
        """
        timestamp = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
        return cls(f"event_{uuid.uuid4().hex}", event_type, source, timestamp, data)

    @property
    def payload(self) -> dict[str, Any]:
        """The members of the signed JWT."""
        return {
            "data": dict(self.data),
            "event_id": self.id,
            "source": self.source,
            "timestamp": self.timestamp,
            "type": self.type,
        }
