"""What can be done with a list of revocations, wherever it is kept: revoke, restore, apply."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime

from kinde_guard.revocation.entries import Entry, Kind, Subject, moment, subject
from kinde_guard.revocation.events import Event, revocation_of


class RevocationOperations(ABC):
    """The methods of every list of revocations.

    A revoked user, organization or application: its tokens are refused that were issued at the
    moment given or earlier, in whole seconds, without leeway. Where the clock of this machine is
    behind that of Kinde, a token that was issued just before may look younger than the revocation;
    give a ``before`` that is later by as much as the clocks may differ.
    """

    _clock: Callable[[], float]

    async def revoke_user(self, user_id: str, *, before: float | datetime | None = None) -> None:
        """Revoke the tokens and API keys of a user.

        Args:
            user_id: ``kp_…``, the claim ``sub``.
            before: tokens issued later stay good; seconds since the epoch or an aware datetime,
                now by default.

        Raises:
            ConfigurationError: an argument makes no sense.
            RevocationWriteError: it is in force in this process only.
        """
        await self._revoke(Kind.USER, user_id, before)

    async def revoke_organization(
        self, org_code: str, *, before: float | datetime | None = None
    ) -> None:
        """Revoke the tokens and API keys that are bound to an organization.

        Args:
            org_code: ``org_…``, the claim ``org_code``.
            before: as for :meth:`revoke_user`.

        Raises:
            ConfigurationError: an argument makes no sense.
            RevocationWriteError: it is in force in this process only.
        """
        await self._revoke(Kind.ORGANIZATION, org_code, before)

    async def revoke_client(
        self, client_id: str, *, before: float | datetime | None = None
    ) -> None:
        """Revoke the tokens that an application obtained.

        Args:
            client_id: the claim ``azp``.
            before: as for :meth:`revoke_user`.

        Raises:
            ConfigurationError: an argument makes no sense.
            RevocationWriteError: it is in force in this process only.
        """
        await self._revoke(Kind.CLIENT, client_id, before)

    async def revoke_token(self, token_id: str) -> None:
        """Revoke a single token, whenever it was issued.

        Args:
            token_id: the claim ``jti``.

        Raises:
            ConfigurationError: the argument makes no sense.
            RevocationWriteError: it is in force in this process only.
        """
        await self._revoke(Kind.TOKEN, token_id, None)

    async def restore_user(self, user_id: str) -> None:
        """Take the revocation of a user back.

        Raises:
            ConfigurationError: the argument makes no sense.
            RevocationWriteError: it is in force in this process only.
        """
        await self._restore(Kind.USER, user_id)

    async def restore_organization(self, org_code: str) -> None:
        """Take the revocation of an organization back.

        Raises:
            ConfigurationError: the argument makes no sense.
            RevocationWriteError: it is in force in this process only.
        """
        await self._restore(Kind.ORGANIZATION, org_code)

    async def restore_client(self, client_id: str) -> None:
        """Take the revocation of an application back.

        Raises:
            ConfigurationError: the argument makes no sense.
            RevocationWriteError: it is in force in this process only.
        """
        await self._restore(Kind.CLIENT, client_id)

    async def restore_token(self, token_id: str) -> None:
        """Take the revocation of a token back.

        Raises:
            ConfigurationError: the argument makes no sense.
            RevocationWriteError: it is in force in this process only.
        """
        await self._restore(Kind.TOKEN, token_id)

    async def apply(self, event: Event) -> bool:
        """Revoke what a webhook event of Kinde says is gone.

        ``user.deleted``, ``user.updated`` of a suspended user and ``organization.deleted`` revoke;
        all others are ignored. The moment is the event's own, so an event that comes late, twice or
        out of order takes nothing back that was decided after it.

        Args:
            event: anything with ``type``, ``timestamp`` and ``data``, its signature verified.

        Returns:
            Whether it is such an event.

        Raises:
            ConfigurationError: the timestamp is no moment.
            RevocationWriteError: the revocation is in force in this process only.
        """
        revocation = revocation_of(event)
        if revocation is None:
            return False
        about, happened_at = revocation
        await self._learn(about, Entry(happened_at, happened_at, False, self._clock()))
        return True

    async def _revoke(self, kind: Kind, given: str, before: float | datetime | None) -> None:
        now = self._clock()
        until = now if before is None else moment("before", before)
        await self._decide(subject(kind, given), Entry(until, now, False, now))

    async def _restore(self, kind: Kind, given: str) -> None:
        about, now = subject(kind, given), self._clock()
        await self._decide(about, Entry(self._revoked_before(about, now), now, True, now))

    @abstractmethod
    def _revoked_before(self, about: Subject, default: float) -> float:
        """Return the moment of a known entry; its tombstone is kept as long as it would be."""

    @abstractmethod
    async def _decide(self, about: Subject, decision: Entry) -> None:
        """Enter a decision that was made now."""

    @abstractmethod
    async def _learn(self, about: Subject, entry: Entry) -> None:
        """Enter something that was decided elsewhere, perhaps long ago."""
