"""The keys of one issuer at one moment: parsed once, never changed.

A key set with one odd member is still a key set: the member is passed over, with a log line. A key
set without a single usable key is none.

Source: RFC 7517, section 5.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping

from kinde_guard.keys.jwk import PublicKey, UnusableKey
from kinde_guard.vocabulary.errors import InvalidKeySet

logger = logging.getLogger("kinde_guard.keys")


class KeySet:
    """An immutable set of public keys, found by key id.

    Args:
        keys: the keys; several may share an id, then each of them is tried.

    Attributes:
        by_kid: the keys with each id.
        fingerprints: those of all keys.

    Example:
        >>> len(KeySet(()))
        0
    """

    __slots__ = ("by_kid", "fingerprints")

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        by_kid: dict[str, tuple[PublicKey, ...]] = {}
        for key in keys:
            by_kid[key.kid] = (*by_kid.get(key.kid, ()), key)
        self.by_kid: Mapping[str, tuple[PublicKey, ...]] = by_kid
        self.fingerprints = frozenset(key.fingerprint for key in self)

    @classmethod
    def from_jwks(cls, document: Mapping[str, object]) -> KeySet:
        """Read a JSON Web Key Set.

        Args:
            document: the decoded JSON, ``{"keys": [...]}``.

        Raises:
            InvalidKeySet: it is no key set, or none of its keys can be used.

        Source: RFC 7517, section 5: implementations ignore keys that they do not understand.

        Example:
            >>> from kinde_guard import InvalidKeySet
            >>> try:
            ...     KeySet.from_jwks({"keys": []})
            ... except InvalidKeySet as error:
            ...     print(error)
            the key set has no usable key
        """
        members = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(members, list):
            raise InvalidKeySet("the document is no JSON Web Key Set")
        key_set = cls(_usable(members))
        if not key_set:
            raise InvalidKeySet("the key set has no usable key")
        return key_set

    def find(self, kid: str) -> tuple[PublicKey, ...]:
        """Return the keys with this id; an empty tuple where there is none."""
        return self.by_kid.get(kid, ())

    def __iter__(self) -> Iterator[PublicKey]:
        return (key for keys in self.by_kid.values() for key in keys)

    def __len__(self) -> int:
        return sum(len(keys) for keys in self.by_kid.values())

    def __repr__(self) -> str:
        return f"<KeySet of {len(self)} keys>"


def _usable(members: list[object]) -> Iterator[PublicKey]:
    for number, member in enumerate(members):
        try:
            yield PublicKey.from_jwk(member)
        except UnusableKey as reason:
            logger.warning("key %d of the key set is passed over: %s", number, reason)
