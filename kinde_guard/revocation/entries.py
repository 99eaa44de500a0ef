"""Entries of a list of revocations, and how two entries for the same subject combine.

An entry revokes or restores one subject: a user, an organization, an application or a token.
Entries travel between processes late, more than once and in any order, so combining them depends on
what they contain and never on which came first: the later decision wins, a restored entry is kept
as a tombstone, and of two revocations the later moment counts.

Source: Shapiro et al., "Conflict-free Replicated Data Types" (2011), section 3.2.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from kinde_guard.vocabulary.urls import wrong

MAX_ID_LENGTH = 1_024
"""Characters of an id. Those of Kinde have fewer than 100."""

# The years 1970 to 9999, in seconds since the epoch.
_EARLIEST, _LATEST = 0, 253_402_300_799


class Kind(StrEnum):
    """What an entry is about."""

    USER = "user"
    ORGANIZATION = "organization"
    CLIENT = "client"
    TOKEN = "token"  # noqa: S105 - a kind, not a secret


class Subject(NamedTuple):
    """A user, organization, application or token.

    Attributes:
        kind: which of them.
        id: its id at Kinde; any characters.
    """

    kind: Kind
    id: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision about one subject.

    Attributes:
        before: tokens that were issued at this moment or earlier are revoked.
        decided_at: when this was decided; the later of two decisions wins.
        restored: whether this takes an earlier revocation back.
        recorded_at: when it was first recorded; it is kept for a time after that.

    All times are seconds since the epoch.
    """

    before: float
    decided_at: float
    restored: bool
    recorded_at: float

    @property
    def kept_from(self) -> float:
        """The moment after which the entry is kept for a time."""
        return max(self.before, self.recorded_at)


def combine(known: Entry | None, other: Entry) -> Entry:
    """Return the entry that two entries for the same subject amount to.

    Args:
        known: the entry that is kept where both amount to the same.
        other: another one.

    Example:
        >>> revoked = Entry(before=10, decided_at=10, restored=False, recorded_at=10)
        >>> restored = Entry(before=10, decided_at=20, restored=True, recorded_at=20)
        >>> combine(restored, revoked) == combine(revoked, restored) == restored
        True
    """
    if known is None:
        return other
    if known.restored != other.restored:
        # Decided at the same moment: the revocation wins.
        return max(known, other, key=lambda entry: (entry.decided_at, not entry.restored))
    before = max(known.before, other.before)
    decided_at = max(known.decided_at, other.decided_at)
    if (before, decided_at) == (known.before, known.decided_at):
        return known
    if (before, decided_at) == (other.before, other.decided_at):
        return other
    recorded_at = max(known.recorded_at, other.recorded_at)
    return Entry(before, decided_at, known.restored, recorded_at)


def decided_after(known: Entry | None, decision: Entry) -> Entry:
    """Return a decision made here and now, so that it wins over the opposite one that is known.

    Clocks of several machines differ, and two decisions may be made within one tick of a clock.
    """
    if known is None or known.restored == decision.restored:
        return decision
    if decision.decided_at > known.decided_at:
        return decision
    return replace(decision, decided_at=math.nextafter(known.decided_at, math.inf))


def subject(kind: Kind, given: object) -> Subject:
    """Return the subject with an id.

    Raises:
        ConfigurationError: it is no text, empty, too long, or no text that can be encoded.
    """
    if isinstance(given, str) and 0 < len(given) <= MAX_ID_LENGTH and _encodable(given):
        return Subject(kind, given)
    # Not the id itself, which may be long and is nothing for a log.
    given_type = type(given).__name__
    raise wrong(f"{kind} id", given_type, f"a str of 1 to {MAX_ID_LENGTH:,} characters")


def moment(name: str, given: object) -> float:
    """Return a moment in seconds since the epoch.

    Args:
        name: what it is called, for the error.
        given: seconds since the epoch, or an aware datetime.

    Raises:
        ConfigurationError: it is neither, or outside of the years 1970 to 9999.
    """
    seconds = given
    if isinstance(given, datetime) and given.tzinfo is not None:
        seconds = given.timestamp()
    if isinstance(seconds, (int, float)) and _is_moment(seconds):
        return float(seconds)
    raise wrong(name, given, "seconds since the epoch, or an aware datetime, of 1970 to 9999")


def encode(entry: Entry) -> bytes:
    """Return an entry as it is stored."""
    members = [entry.before, entry.decided_at, int(entry.restored), entry.recorded_at]
    return json.dumps(members).encode()


def decode(field: bytes, value: bytes) -> tuple[Subject, Entry] | None:
    """Return what is stored in a field; ``None`` if it is no entry.

    Args:
        field: the name, such as ``user:kp_1``.
        value: the content.
    """
    kind, _, name = field.partition(b":")
    try:
        about = subject(Kind(kind.decode()), name.decode())
        members: Any = json.loads(value[:256])
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, list) or len(members) != 4 or not all(map(_is_moment, members)):
        return None
    before, decided_at, restored, recorded_at = members
    return about, Entry(before, decided_at, bool(restored), recorded_at)


def field_name(about: Subject) -> bytes:
    """Return the name of the field that stores the entry of a subject."""
    return f"{about.kind}:{about.id}".encode()


def _is_moment(value: Any) -> bool:  # noqa: ANN401 - anything may be stored
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and _EARLIEST <= value <= _LATEST


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
