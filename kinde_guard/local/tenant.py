"""One local tenant: what its endpoints share, and nothing of how it is served."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from kinde_guard.local.clock import Clock
from kinde_guard.local.device_codes import DeviceCodes
from kinde_guard.local.faults import Faults
from kinde_guard.local.management_audience import management_audiences
from kinde_guard.local.paths import Endpoint
from kinde_guard.local.seed import seed
from kinde_guard.local.signing import KeyRing
from kinde_guard.local.store import Store
from kinde_guard.local.stored_keys import StoredKeys
from kinde_guard.local.webhooks import Webhooks


@dataclass(frozen=True)
class Tenant:
    """A tenant's state. What opens it closes it; it is a context manager."""

    issuer: str
    store: Store
    stored_keys: StoredKeys
    clock: Clock = field(default_factory=Clock)
    ca: Path | None = None
    """The certificate of the authority that vouches for it over https; None over http."""
    faults: Faults = field(default_factory=Faults)
    requests: Counter[Endpoint] = field(default_factory=Counter)
    webhooks: Webhooks = field(default_factory=Webhooks)
    device_codes: DeviceCodes = field(default_factory=DeviceCodes)

    @classmethod
    def open(
        cls,
        issuer: str,
        *,
        database: str | Path = ":memory:",
        clock: Callable[[], float] = time.time,
        audiences: Sequence[str] = (),
        scopes: Sequence[str] = (),
    ) -> Self:
        """Open the tenant in ``database``, made and seeded first if there is none.

        Args:
            issuer: exactly the URL at which clients reach the tenant, without a trailing slash.
            database: ":memory:", or the file that keeps applications, scopes and signing keys.
                Several processes may have it open, each under an issuer of its own.
            clock: epoch seconds, for the times in tokens.
            audiences: APIs that the tenant has, besides those that the file keeps.
            scopes: the scopes of these APIs; none for those of the demo.

        Raises:
            StoreError: the file cannot be used.

        Example:
            >>> with Tenant.open("http://127.0.0.1:8787") as tenant:
            ...     tenant.store.applications()[0].name
            'Back office'
        """
        store = Store(database, management_audiences=management_audiences(issuer))
        try:
            seed(store, audiences=audiences, scopes=scopes)
            clock = clock if isinstance(clock, Clock) else Clock(clock)
            return cls(issuer, store, StoredKeys(store), clock)
        except BaseException:
            store.close()
            raise

    @property
    def keys(self) -> KeyRing:
        """The signing keys as they are now. Another process may rotate them: do not hold on."""
        return self.stored_keys.ring

    def rotate_keys(self, *, keep_old: bool) -> None:
        """Sign with a new key; publish the former ones beside it if ``keep_old``."""
        self.stored_keys.rotate(keep_old=keep_old)

    def close(self) -> None:
        """Send no more webhooks, and close the database."""
        self.webhooks.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
