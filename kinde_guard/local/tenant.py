"""One local tenant: what its endpoints share, and nothing of how it is served."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from kinde_guard.local.faults import Faults
from kinde_guard.local.paths import Endpoint
from kinde_guard.local.seed import seed
from kinde_guard.local.signing import KeyRing, SigningKey
from kinde_guard.local.store import Store


@dataclass(frozen=True)
class Tenant:
    """A tenant's state. Whoever opens it closes it; it is a context manager."""

    issuer: str
    store: Store
    keys: KeyRing
    clock: Callable[[], float] = time.time
    faults: Faults = field(default_factory=Faults)
    requests: Counter[Endpoint] = field(default_factory=Counter)

    @classmethod
    def open(
        cls,
        issuer: str,
        *,
        database: str | Path = ":memory:",
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Open the tenant in ``database``, made and seeded first if there is none.

        Args:
            issuer: exactly the URL at which clients reach the tenant, without a trailing slash.
            database: ":memory:", or the file that keeps applications, scopes and signing keys.
            clock: epoch seconds, for the times in tokens.

        Raises:
            StoreError: the file cannot be used.

        Example:
            >>> with Tenant.open("http://127.0.0.1:8787") as tenant:
            ...     [application.name for application in tenant.store.applications()]
            ['Back office', 'Reporting']
        """
        store = Store(database)
        try:
            seed(store)
            return cls(issuer, store, _key_ring(store), clock)
        except BaseException:
            store.close()
            raise

    def rotate_keys(self, *, keep_old: bool) -> None:
        """Sign with a new key; publish the former ones beside it if ``keep_old``."""
        self.keys.rotate(keep_old=keep_old)
        self.store.replace_signing_keys(key.to_pem() for key in self.keys.keys)

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _key_ring(store: Store) -> KeyRing:
    """Return the keys that the store holds; a tenant that is new gets its first."""
    with store.transaction():
        ring = KeyRing(SigningKey.from_pem(pem) for pem in store.signing_keys())
        if not store.signing_keys():
            store.replace_signing_keys([ring.current.to_pem()])
    return ring
