"""The life of a tenant at high speed: keys come and go, tokens are issued and expire.

Time stands still between two calls of ``pass_time``, so what is good when a request is made is good
until it is answered. One second of the soak is five minutes for the guard: its settings are the
defaults, and a minute of soaking is a working day of refreshes, cool-downs and expiries.
"""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from tests.attack.soak.key_server import FlakyKeyServer
from tests.mint import FrozenClock, SigningKey, Tenant

SPEED: Final = 300.0
#: Real seconds from one signing key to the next, and how long the old one stays published.
ROTATION: Final = 2.5
OVERLAP: Final = 1.2
#: Seconds of the guard's time that a token lives.
LIFETIME: Final = 900
#: How many tokens are in use at a time, and how many are issued in a real second.
POPULATION: Final = 600
ISSUED: Final = 150


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, who signed it and when it ends."""

    raw: str
    kid: str
    ends_at: int


class Issuer:
    """A tenant whose time is driven by the soak.

    Attributes:
        live: tokens that have not expired, whatever has become of their keys.
        ended: the last of those that have, some of them within the leeway.
        rotations: how often the signing key has changed.
    """

    def __init__(self, server: FlakyKeyServer, chance: random.Random) -> None:
        self.clock = FrozenClock()
        self.monotonic = FrozenClock(1_000.0)
        self.live: deque[Issued] = deque()
        self.ended: deque[Issued] = deque(maxlen=50)
        self.rotations = 0
        self._server = server
        self._chance = chance
        # Made beforehand, because making a key takes longer than a whole fetch of keys. The same
        # material under another key id is another key.
        self._material = [SigningKey.rsa(f"material {number}") for number in range(5)]
        self._keys = [self._new_key()]
        self._tenant = Tenant(self._keys[-1], self.clock, issuer=server.issuer)
        self._server.publish(self._keys)
        self._last = time.monotonic()
        self._age = 0.0
        self._owed = 0.0
        for _ in range(POPULATION):
            self._issue()

    def pass_time(self) -> None:
        """Catch up with real time: move the clocks, rotate, issue and let expire."""
        now = time.monotonic()
        # A machine that stops for a while does not make everything expire at once.
        elapsed, self._last = min(now - self._last, 0.2), now
        self._age += elapsed
        self.clock.advance(elapsed * SPEED)
        self.monotonic.advance(elapsed * SPEED)
        self._rotate(self._age)
        self._owed += elapsed * ISSUED
        for _ in range(int(self._owed)):
            self._issue()
        self._owed %= 1
        self._expire()

    def forged(self) -> str:
        """Return a token under a published key id that this issuer never signed."""
        stranger = self._material[0].renamed(self._keys[-1].kid)
        signer = stranger if self._keys[-1].private is not stranger.private else self._material[1]
        return self._tenant.token("read:users", key=signer.renamed(self._keys[-1].kid))

    def of_unknown_key(self) -> str:
        """Return a token under a key id that nobody has ever published."""
        kid = f"unknown-{self._chance.getrandbits(64):x}"
        return self._tenant.token("read:users", key=self._material[0].renamed(kid))

    def _new_key(self) -> SigningKey:
        material = self._material[self.rotations % len(self._material)]
        return material.renamed(f"key-{self.rotations}")

    def _rotate(self, age: float) -> None:
        if age > (self.rotations + 1) * ROTATION:
            self.rotations += 1
            self._keys.append(self._new_key())
            self._server.publish(self._keys)
        since = age - self.rotations * ROTATION
        # Every other new key is announced before it signs; the others sign at once.
        announced = self.rotations % 2 == 1 and since < OVERLAP / 2
        self._tenant.key = self._keys[-2 if announced and len(self._keys) > 1 else -1]
        if since > OVERLAP and len(self._keys) > 1:
            del self._keys[:-1]
            self._server.publish(self._keys)

    def _issue(self) -> None:
        ends_at = int(self.clock.now) + LIFETIME
        token_id = f"{self._chance.getrandbits(128):x}"
        raw = self._tenant.token("read:users", exp=ends_at, jti=token_id)
        self.live.append(Issued(raw, self._tenant.key.kid, ends_at))

    def _expire(self) -> None:
        while self.live and self.live[0].ends_at <= self.clock.now:
            self.ended.append(self.live.popleft())
        while len(self.live) > POPULATION:
            self.live.popleft()
