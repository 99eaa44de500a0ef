"""``TokenGrant``: an access token, and what is known of it without reading it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What the token endpoint gave.

    Args:
        access_token: the token itself; no ``repr`` shows it.
        scopes: what was granted: the answer's ``scope``. Without one it is what was asked for,
            which is empty where nothing in particular was.
        expires_at: when it expires, in UTC.

    Source: RFC 6749, section 5.1.

    Example:
        >>> from datetime import UTC, datetime
        >>> TokenGrant("eyJ...", frozenset({"read:users"}), datetime(2030, 1, 1, tzinfo=UTC))
        TokenGrant(scopes=frozenset({'read:users'}), \
expires_at=datetime.datetime(2030, 1, 1, 0, 0, tzinfo=datetime.timezone.utc))
    """

    access_token: str = field(repr=False)
    scopes: frozenset[str]
    expires_at: datetime
