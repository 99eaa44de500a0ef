"""Revocations of a single process."""

from __future__ import annotations

from collections.abc import Callable

from kinde_guard.revocation.entries import Entry, Subject
from kinde_guard.revocation.operations import RevocationOperations
from kinde_guard.revocation.revocation_list import RevocationList
from kinde_guard.revocation.snapshot import Snapshot
from kinde_guard.vocabulary.checks import callable_, seconds
from kinde_guard.vocabulary.clocks import system_time

KEEP_FOR = 2_592_000
"""Seconds, 30 days: how long an entry is kept, and how long a token may live."""


class MemoryRevocations(RevocationOperations):
    """A list of revocations in memory: for an API of a single process, and for tests.

    Args:
        keep_for: seconds that an entry is kept. Tokens that live longer are refused.
        clock: seconds since the epoch.

    Raises:
        ConfigurationError: an argument makes no sense.

    Source: RFC 7009 has clients revoke at the authorization server; a resource server that
    verifies tokens by itself does not learn of that.

    Example:
        >>> import asyncio
        >>> revocations = MemoryRevocations()
        >>> asyncio.run(revocations.revoke_user("kp_0ba7c433e5d648cf992621ce99d42817"))
        >>> revocations.snapshot
        <Snapshot of 1 revocations>
    """

    def __init__(
        self, *, keep_for: float = KEEP_FOR, clock: Callable[[], float] = system_time
    ) -> None:
        seconds(0, above=True)("keep_for", keep_for)
        callable_("clock", clock)
        self._clock = clock
        self._list = RevocationList(keep_for, clock)

    @property
    def snapshot(self) -> Snapshot:
        """The revocations in force; another object only after they changed."""
        return self._list.snapshot

    @property
    def age(self) -> None:
        """Always ``None``: nothing is read from elsewhere."""
        return

    async def current(self) -> Snapshot:
        """Return the revocations in force."""
        return self._list.snapshot

    async def aclose(self) -> None:
        """Nothing is held open. The revocations stay."""

    def _revoked_before(self, about: Subject, default: float) -> float:
        known = self._list.get(about)
        return default if known is None else known.before

    async def _decide(self, about: Subject, decision: Entry) -> None:
        self._list.decide(about, decision)

    async def _learn(self, about: Subject, entry: Entry) -> None:
        self._list.learn([(about, entry)])

    def __repr__(self) -> str:
        return f"<MemoryRevocations: {self.snapshot!r}>"
