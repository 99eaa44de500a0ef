"""One process of a fleet: a real ``RemoteKeySet`` and requests that come at random.

Requests form a Poisson process, which has no memory: after any moment, the wait for the next
request is exponential. So only the requests that can cause a fetch are simulated, the first one
after each moment at which a fetch becomes possible, and the picture is that of all of them.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

import httpx

from kinde_guard import RemoteKeySet
from kinde_guard.vocabulary.errors import KeysUnavailable, UnknownKey
from tests.benchmarks.fleets.tenant import Tenant

URL: Final = "https://acme.kinde.com/.well-known/jwks"
MAX_AGE: Final = 600.0
COOLDOWN: Final = 30.0

#: A key id that no key ever has.
FORGED: Final = "ff:ff:ff:ff"


@dataclass
class Process:
    """A process that serves requests.

    Attributes:
        traffic: requests per second.
        forged: whether a part of the requests carries key ids that no key has.
        good: when each good fetch ended.
    """

    tenant: Tenant
    clock: Callable[[], float]
    chance: random.Random
    traffic: float
    max_age: float = MAX_AGE
    forged: bool = False
    good: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = RemoteKeySet(
            URL,
            max_age=self.max_age,
            cooldown=COOLDOWN,
            # It has what fetching needs of a client, and no more.
            http_client=cast("httpx.AsyncClient", self.tenant),
            monotonic=self.clock,
            on_fetch=self._fetched,
        )

    async def live(self, start: float) -> None:
        """Start at some moment, then serve for ever."""
        await asyncio.sleep(start)
        while True:
            await asyncio.sleep(self._until_fetch() + self.chance.expovariate(self.traffic))
            try:
                await self.keys.find(self._key_id())
            except (UnknownKey, KeysUnavailable):
                continue

    def _fetched(self, succeeded: bool) -> None:
        if succeeded:
            self.good.append(self.clock())

    def _key_id(self) -> str:
        return FORGED if self.forged else self.tenant.signing_key_id()

    def _until_fetch(self) -> float:
        """Return the seconds until a request could next cause a fetch."""
        now = self.clock()
        allowed = now + self.keys._pause_left(now)
        if not self.good:
            return max(0.0, allowed - now)
        due = self.good[-1] + self.max_age
        known = self.keys._keys is not None and self.keys._keys.find(self._key_id())
        if not known:
            due = min(due, self.good[-1] + COOLDOWN)
        elif now < self.tenant.behaviour.rotation < math.inf:
            due = min(due, self.tenant.behaviour.rotation)
        return max(0.0, due - now, allowed - now)
