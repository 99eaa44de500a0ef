"""Verified tokens, remembered so that a signature is checked once.

What is kept of a token: a digest to find it by, the scopes, when it ends and which key signed it.
Not the token: what leaks from here cannot be presented to anybody. Not what it claims either: who
finds an entry holds the token, and can read it there. An entry answers only while its token is
valid and its key is still among the issuer's keys; both are decided anew each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from kinde_guard.keys import RemoteKeySet


class VerifiedToken(NamedTuple):
    """What is remembered of a verified token.

    Attributes:
        scopes: the scopes that it was granted.
        key_set: the keys that it was verified with.
        fingerprint: of the key that signed it.
        begins_at: the earliest moment, in seconds since the epoch, at which it is valid.
        ends_at: seconds since the epoch at which it expires, leeway included.
    """

    scopes: frozenset[str]
    key_set: RemoteKeySet
    fingerprint: bytes
    begins_at: float
    ends_at: float

    def __repr__(self) -> str:
        return f"<VerifiedToken with {len(self.scopes)} scopes>"


class TokenCache:
    """A bounded map from digests of tokens to what is remembered of them.

    The least recently used entry leaves first. A size of 0 remembers nothing.

    Args:
        size: the number of tokens to keep.
        clock: tells the time, in seconds since the epoch.

    Example:
        >>> import time
        >>> TokenCache(0, time.time).get(b"digest") is None
        True
    """

    __slots__ = ("_clock", "_entries", "_size")

    def __init__(self, size: int, clock: Callable[[], float]) -> None:
        self._size = size
        self._clock = clock
        self._entries: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    def get(self, digest: bytes) -> VerifiedToken | None:
        """Return what is remembered under a digest, if it still holds, and count it as used."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        keys = entry.key_set.in_hand
        if keys is None:
            return None
        current = entry.begins_at <= self._clock() < entry.ends_at
        if not current or entry.fingerprint not in keys.fingerprints:
            # Whatever is in doubt is examined anew, and refused there for what it is.
            self._entries.pop(digest, None)
            return None
        try:
            self._entries.move_to_end(digest)
        except KeyError:
            # Another thread dropped it in between; what was read is still true.
            return entry
        return entry

    def put(self, digest: bytes, entry: VerifiedToken) -> None:
        """Remember a token, in the place of the least recently used one if there is no room."""
        if self._size == 0:
            return
        self._entries[digest] = entry
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)
