"""The signing keys that a database holds, followed through rotations by all that share it.

Two processes on one file are one tenant: what one of them rotates, the other publishes and signs
with from its next look on. Parsing a key costs milliseconds, so each is parsed once.
"""

from __future__ import annotations

from kinde_guard.local.signing import KeyRing, SigningKey
from kinde_guard.local.store import Store, StoreError


class StoredKeys:
    """The key ring of a tenant, kept in step with its store; a store without keys gets its first.

    Raises:
        StoreError: what the store holds is no key of ours.

    Example:
        >>> with Store() as store:
        ...     StoredKeys(store).ring.current.kid == StoredKeys(store).ring.current.kid
        True
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        # Made before the transaction, because making a key takes long; needed only if there is
        # still none inside it.
        first = None if store.signing_keys() else SigningKey.generate().to_pem()
        with store.transaction():
            if first and not store.signing_keys():
                store.replace_signing_keys([first])
        # One tuple that is only ever replaced: readers in other threads need no lock.
        self._read: tuple[list[str], KeyRing] = ([], KeyRing(()))
        self._follow()

    @property
    def ring(self) -> KeyRing:
        """The keys as the database has them now; as they were last once it is closed."""
        return self._read[1] if self._store.is_closed else self._follow()

    def rotate(self, *, keep_old: bool) -> None:
        """Sign with a new key from now on; publish the former ones beside it if ``keep_old``."""
        new = SigningKey.generate().to_pem()
        with self._store.transaction():
            former = self._store.signing_keys() if keep_old else []
            self._store.replace_signing_keys([*former, new])

    def _follow(self) -> KeyRing:
        pems, ring = self._read
        found = self._store.signing_keys()
        if found == pems:
            return ring
        parsed = dict(zip(pems, ring.keys, strict=True))
        ring = KeyRing(tuple(parsed.get(pem) or _parsed(pem) for pem in found))
        self._read = (found, ring)
        return ring


def _parsed(pem: str) -> SigningKey:
    try:
        return SigningKey.from_pem(pem)
    except (TypeError, ValueError) as error:
        # Why, its cause tells; the key itself is not to be shown.
        raise StoreError("The database holds a signing key that is no RSA private key.") from error
