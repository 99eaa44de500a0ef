"""Which revocation a webhook event of Kinde amounts to.

Source: Kinde, "About webhooks" and its list of events.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from kinde_guard.revocation.entries import Kind, Subject, moment, subject
from kinde_guard.vocabulary.errors import ConfigurationError

logger = logging.getLogger("kinde_guard.revocation")


class Event(Protocol):
    """Something that happened at Kinde, such as a :class:`kinde_guard.WebhookEvent`."""

    @property
    def type(self) -> str:
        """Such as ``user.deleted``."""

    @property
    def timestamp(self) -> datetime:
        """When it happened; aware."""

    @property
    def data(self) -> Mapping[str, Any]:
        """What it is about."""


# Each type of event: what it revokes, and where its data holds the id.
_REVOKING = {
    "user.deleted": (Kind.USER, "user", "id"),
    "user.updated": (Kind.USER, "user", "id"),
    "organization.deleted": (Kind.ORGANIZATION, "organization", "code"),
}


def revocation_of(event: Event) -> tuple[Subject, float] | None:
    """Return what an event revokes, and the moment; ``None`` if it revokes nothing.

    Args:
        event: a webhook event whose signature was verified.

    Raises:
        ConfigurationError: its timestamp is no moment.
    """
    if not isinstance(event.type, str) or event.type not in _REVOKING:
        return None
    kind, object_name, id_name = _REVOKING[event.type]
    described = event.data.get(object_name) if isinstance(event.data, Mapping) else None
    described = described if isinstance(described, Mapping) else {}
    if event.type == "user.updated" and described.get("is_suspended") is not True:
        return None
    try:
        about = subject(kind, described.get(id_name))
    except ConfigurationError:
        logger.warning("an event %s names no %s and was ignored", event.type, object_name)
        return None
    return about, moment("timestamp", event.timestamp)
