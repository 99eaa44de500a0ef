"""The tenant as a fleet sees it: a key set that answers, refuses for a while, or is too busy.

It stands where an HTTP client stands, so that everything from the fetch to the parsed key set is
the package's own code.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tests.mint import SigningKey, jwks

#: Seconds between the request for a key set and its answer.
ANSWER_TIME: Final = (0.02, 0.2)


@dataclass(frozen=True)
class Behaviour:
    """What happens to the tenant. Times are seconds after the fleet began.

    Attributes:
        down: from when to when every fetch fails.
        rotation: from when on tokens are signed with the second key, which is published then.
        capacity: fetches that are answered in a second; what is more is refused with 429.
    """

    down: tuple[float, float] = (0.0, 0.0)
    rotation: float = float("inf")
    capacity: float = float("inf")


@dataclass
class Tenant:
    """Serves two keys, one after the other, and writes down when it was asked.

    Attributes:
        arrivals: when each fetch came.
    """

    keys: tuple[SigningKey, SigningKey]
    behaviour: Behaviour
    clock: Callable[[], float]
    chance: random.Random
    arrivals: list[float] = field(default_factory=list)
    _second: int = -1
    _answered: int = 0

    def __post_init__(self) -> None:
        self._bodies = [json.dumps(jwks(*keys)).encode() for keys in (self.keys[:1], self.keys)]

    def signing_key_id(self) -> str:
        """Return the key id that tokens carry now."""
        return self.keys[self.clock() >= self.behaviour.rotation].kid

    @asynccontextmanager
    async def stream(self, method: str, url: str, **_: Any) -> AsyncIterator[httpx.Response]:
        """Answer one fetch, in the place of ``httpx.AsyncClient.stream``."""
        self.arrivals.append(self.clock())
        await asyncio.sleep(self.chance.uniform(*ANSWER_TIME))
        yield self._answer()

    async def aclose(self) -> None:
        """Do nothing; here because HTTP clients have it."""

    def _answer(self) -> httpx.Response:
        begin, end = self.behaviour.down
        if begin <= self.clock() < end:
            raise httpx.ConnectError("down")
        if self._busy():
            return httpx.Response(429)
        rotated = self.clock() >= self.behaviour.rotation
        return httpx.Response(200, content=self._bodies[rotated])

    def _busy(self) -> bool:
        second = int(self.clock())
        if second != self._second:
            self._second, self._answered = second, 0
        self._answered += 1
        return self._answered > self.behaviour.capacity
