"""What is remembered of API keys, by the SHA-256 of the key.

The key itself is not stored, so a leaked cache cannot be replayed. Good keys and refused ones are
kept apart: a flood of made-up keys displaces no good one.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

from kinde_guard.api_keys.verification_answer import VerifiedKey

T = TypeVar("T")


class GoodKey(NamedTuple):
    """A key that Kinde called good.

    Attributes:
        key: what Kinde answered.
        verified_at: when it was asked, in monotonic seconds.
        fresh_until: until when the answer holds.
    """

    key: VerifiedKey
    verified_at: float
    fresh_until: float


class BoundedMap(Generic[T]):
    """A map of which the least recently used entry leaves first.

    Args:
        size: the number of entries to keep.

    Example:
        >>> kept = BoundedMap[int](1)
        >>> kept.put(b"a", 1)
        >>> kept.put(b"b", 2)
        >>> kept.get(b"a"), kept.get(b"b")
        (None, 2)
    """

    __slots__ = ("_entries", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, T] = OrderedDict()

    def get(self, digest: bytes) -> T | None:
        """Return what is remembered under a digest, and count it as used."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        try:
            self._entries.move_to_end(digest)
        except KeyError:
            # Another thread dropped it in between; what was read is still true.
            return entry
        return entry

    def put(self, digest: bytes, entry: T) -> None:
        """Remember an entry, in the place of the least recently used one if there is no room."""
        self._entries[digest] = entry
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def drop(self, digest: bytes) -> None:
        """Forget an entry, if there is one."""
        self._entries.pop(digest, None)
