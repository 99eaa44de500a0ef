"""Verified tokens, remembered so that a signature is verified once.

An entry holds a digest to find it by, the scopes, the times of validity and the fingerprint of the
key. The raw token is not stored, so a leaked cache cannot be replayed; nor are its claims, which
the request that presents the token brings along. An entry answers only while its token is valid
and its key is still among the issuer's keys; both are decided anew at each look-up.

Memory is bounded whatever tokens claim. An entry holds its scopes as text, and the texts together
have a budget; the sets made of them are shared between entries and have a budget of their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from sys import getsizeof

from kinde_guard.keys import RemoteKeySet
from kinde_guard.vocabulary.extensions import RevocationSnapshot

TEXT_BYTES_PER_ENTRY = 384
"""Bytes of scope names, on average, for which a cache has room."""

MIN_TEXT_BYTES = 65_536
"""Bytes of scope names for which the smallest cache has room."""

MAX_SHARED_BYTES = 524_288
"""Bytes of the sets of scopes that entries share."""


class VerifiedToken:
    """What is remembered of a verified token.

    Attributes:
        scopes: the names of its scopes, with a space between them.
        key_set: the keys that it was verified with.
        fingerprint: of the key that signed it.
        begins_at: the earliest moment, in seconds since the epoch, at which it is valid.
        ends_at: seconds since the epoch at which it expires, leeway included.
        revocations: the snapshot that it was last checked against, if there is one.
    """

    __slots__ = ("begins_at", "ends_at", "fingerprint", "key_set", "revocations", "scopes")

    def __init__(
        self,
        scopes: str,
        key_set: RemoteKeySet,
        fingerprint: bytes,
        begins_at: float,
        ends_at: float,
        revocations: RevocationSnapshot | None = None,
    ) -> None:
        self.scopes = scopes
        self.key_set = key_set
        self.fingerprint = fingerprint
        self.begins_at = begins_at
        self.ends_at = ends_at
        self.revocations = revocations

    def __repr__(self) -> str:
        return f"<VerifiedToken with {len(split_scopes(self.scopes))} scopes>"


class TokenCache:
    """A bounded map from digests of tokens to what is remembered of them.

    The least recently used entry leaves first. A size of 0 remembers nothing.

    Args:
        size: the number of tokens to keep.
        clock: the time, in seconds since the epoch.

    Example:
        >>> import time
        >>> TokenCache(0, time.time).get(b"digest") is None
        True
    """

    __slots__ = ("_clock", "_entries", "_max_text", "_shared", "_shared_bytes", "_size", "_text")

    def __init__(self, size: int, clock: Callable[[], float]) -> None:
        self._size = size
        self._clock = clock
        self._entries: OrderedDict[bytes, VerifiedToken] = OrderedDict()
        self._text = 0
        self._max_text = max(size * TEXT_BYTES_PER_ENTRY, MIN_TEXT_BYTES)
        self._shared: dict[str, frozenset[str]] = {}
        self._shared_bytes = 0

    def get(self, digest: bytes) -> VerifiedToken | None:
        """Return what is remembered under a digest, if it still holds, and count it as used."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        keys = entry.key_set.current_or_none
        if keys is None:
            return None
        current = entry.begins_at <= self._clock() < entry.ends_at
        if not current or entry.fingerprint not in keys.fingerprints:
            # The token is verified anew, which finds the reason to refuse it.
            self.remove(digest)
            return None
        try:
            self._entries.move_to_end(digest)
        except KeyError:
            # Another thread removed it in between; what was read is still true.
            return entry
        return entry

    def put(self, digest: bytes, entry: VerifiedToken) -> None:
        """Remember a token, in the place of the least recently used ones if there is no room."""
        if self._size == 0:
            return
        self.remove(digest)
        self._entries[digest] = entry
        self._text += getsizeof(entry.scopes)
        while len(self._entries) > self._size:
            self._remove_oldest()
        if self._text > self._max_text:
            self._make_room()

    def remove(self, digest: bytes) -> None:
        """Forget a token."""
        entry = self._entries.pop(digest, None)
        if entry is not None:
            self._text -= getsizeof(entry.scopes)

    def scopes_of(self, entry: VerifiedToken) -> frozenset[str]:
        """Return the scopes of an entry as a set."""
        scopes = self._shared.get(entry.scopes)
        return self._share(entry) if scopes is None else scopes

    def _share(self, entry: VerifiedToken) -> frozenset[str]:
        scopes = split_scopes(entry.scopes)
        size = getsizeof(entry.scopes) + getsizeof(scopes) + sum(map(getsizeof, scopes))
        if self._shared_bytes + size > MAX_SHARED_BYTES:
            self._shared, self._shared_bytes = {}, 0
        self._shared[entry.scopes] = scopes
        self._shared_bytes += size
        return scopes

    def _make_room(self) -> None:
        # Counted anew: threads that add and subtract at once leave the sum a little wrong.
        self._text = sum(getsizeof(entry.scopes) for entry in list(self._entries.values()))
        # An eighth more is removed than need be, so that counting serves many tokens.
        while self._entries and self._text > self._max_text - self._max_text // 8:
            self._remove_oldest()

    def _remove_oldest(self) -> None:
        _, entry = self._entries.popitem(last=False)
        self._text -= getsizeof(entry.scopes)


def join_scopes(scopes: frozenset[str]) -> str | None:
    """Return the names as one text, or ``None`` where they could not be told apart in it.

    Example:
        >>> join_scopes(frozenset({"read:users"})), join_scopes(frozenset({"a b"}))
        ('read:users', None)
    """
    text = " ".join(sorted(scopes))
    return text if split_scopes(text) == scopes else None


def split_scopes(text: str) -> frozenset[str]:
    """Return the names in a text that :func:`join_scopes` made.

    Example:
        >>> split_scopes("")
        frozenset()
    """
    return frozenset(text.split(" ")) if text else frozenset()
