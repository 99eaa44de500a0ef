"""The guard's own access token for Kinde's Management API.

A 401 about a key has two causes: the key, or the token that the request bore. A token that Kinde
accepted a moment ago is good; another is tried out before the key is blamed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from kinde_guard.api_keys.no_answer import NoAnswer
from kinde_guard.vocabulary.event_loop import running_loop

if TYPE_CHECKING:
    from kinde_guard.client import ClientCredentials, TokenGrant

ACCEPTED_FOR = 60.0
"""Seconds for which a token that was accepted counts as good."""

REPLACE_EVERY = 30.0
"""Seconds after a refused token was replaced before the next may be: Kinde bills each."""


class OwnToken:
    """Gives out the token and knows whether it is good.

    Args:
        credentials: get the token.
        monotonic: the clock, in seconds.
    """

    def __init__(self, credentials: ClientCredentials, monotonic: Callable[[], float]) -> None:
        self._credentials = credentials
        self._monotonic = monotonic
        self._accepted: tuple[TokenGrant | None, float] = (None, -math.inf)
        self._replaceable_at = -math.inf

    async def current(self) -> TokenGrant:
        """Return a token.

        Raises:
            NoAnswer: there is none.
        """
        # Imported here because it imports httpx, which then is there already.
        from kinde_guard.client import ClientCredentialsError  # noqa: PLC0415

        try:
            return await self._fetch()
        except ClientCredentialsError as error:
            failure = NoAnswer(f"no token of our own: {error}", error.retry_after)
        raise failure

    async def _fetch(self) -> TokenGrant:
        loop = running_loop()
        if isinstance(loop.key, asyncio.AbstractEventLoop):
            return await self._credentials.afetch()
        return await loop.in_thread(self._credentials.fetch)

    def accept(self, grant: TokenGrant) -> None:
        """Note that Kinde accepted a token."""
        self._accepted = grant, self._monotonic()

    def is_accepted(self, grant: TokenGrant | None) -> bool:
        """Tell whether Kinde accepted a token a moment ago."""
        accepted, moment = self._accepted
        return accepted is grant and self._monotonic() - moment < ACCEPTED_FOR

    async def replace(self, grant: TokenGrant | None) -> bool:
        """Drop a token that Kinde refused; return whether there is another, or may be."""
        if await self.current() is not grant:
            return True
        now = self._monotonic()
        if now < self._replaceable_at:
            return False
        self._replaceable_at = now + REPLACE_EVERY
        self._accepted = (None, -math.inf)
        self._credentials.forget()
        return True
