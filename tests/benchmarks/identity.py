"""Who signs the tokens of the benchmarks: one RSA-2048 key, its key set on loopback, and tokens.

Tokens have the shape of Kinde's machine-to-machine tokens. Peers that are made for another provider
get a token of that provider's shape, signed by the same key. Forged tokens carry the signature of
another token of the same key: a number below the modulus, so that the whole verification is paid.
Random bytes would be refused early every other time.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.mint import KID, FrozenClock, LoopbackKeyServer, SigningKey, Tenant, jwks

AUDIENCE = "https://api.acme.com"
#: Forged tokens are pairs out of this many.
POOL = 60
#: One chunk of the yardstick.
VERIFICATIONS = 20

_order = random.Random(2)


@dataclass
class Mint:
    """Makes tokens of one shape, each with an id of its own."""

    tenant: Tenant
    scopes: tuple[str, ...] = ("read:users",)
    changes: dict[str, Any] = field(default_factory=dict)
    made: int = 0

    def token(self, **changes: Any) -> str:
        self.made += 1
        jti = f"{self.made:08x}-5a1e-4b1d-8c1f-6e0d0e0f1a2b"
        return self.tenant.token(*self.scopes, jti=jti, **{**self.changes, **changes})

    def fresh(self, count: int) -> list[str]:
        """Return tokens that nobody has seen."""
        return [self.token() for _ in range(count)]

    def expired(self, count: int) -> list[str]:
        """Return tokens that ended an hour ago and are good otherwise."""
        now = int(self.tenant.clock.now)
        return [self.token(exp=now - 3_600, iat=now - 90_000) for _ in range(count)]

    def forgeries(self) -> Iterator[str]:
        """Return an endless row of tokens with another token's signature."""
        pool = self.fresh(POOL)
        signatures = [token.rpartition(".")[2] for token in pool]
        while True:
            mine, other = _order.sample(range(POOL), 2)
            yield f"{pool[mine].rpartition('.')[0]}.{signatures[other]}"


@dataclass
class Identity:
    """The key, the key set's address and the mint of an imaginary tenant."""

    key: SigningKey
    url: str = "https://acme.kinde.com"

    @property
    def document(self) -> dict[str, Any]:
        """The key set and the discovery document in one; each reader ignores the other's part."""
        return {
            **jwks(self.key),
            "issuer": self.url,
            "jwks_uri": f"{self.url}/.well-known/jwks",
            "authorization_endpoint": f"{self.url}/oauth2/auth",
            "token_endpoint": f"{self.url}/oauth2/token",
        }

    def mint(self, *scopes: str, **changes: Any) -> Mint:
        """Return a mint whose clock shows the time of now."""
        tenant = Tenant(self.key, FrozenClock(time.time()), self.url, AUDIENCE)
        return Mint(tenant, scopes or ("read:users",), changes)

    async def rsa(self) -> float:
        """Verify a signature a few times, and return the microseconds of the median one."""
        verify, taken = self._verification, []
        for _ in range(VERIFICATIONS):
            started = time.perf_counter_ns()
            verify()
            taken.append(time.perf_counter_ns() - started)
        return statistics.median(taken) / 1e3

    @cached_property
    def _verification(self) -> Callable[[], None]:
        message, public = b"m" * 700, self.key.private.public_key()
        if not isinstance(public, rsa.RSAPublicKey):
            raise TypeError("the yardstick is an RSA key")
        arguments = self.key.sign(message), message, padding.PKCS1v15(), hashes.SHA256()
        return partial(public.verify, *arguments)


@contextmanager
def on_loopback() -> Iterator[Identity]:
    """Serve a new identity's key set and discovery document on a loopback socket."""
    server = LoopbackKeyServer()
    identity = Identity(SigningKey.rsa(KID), server.issuer)
    server.document = identity.document
    with server.running():
        yield identity


def offline() -> Identity:
    """Return a new identity whose key set is at no address."""
    return Identity(SigningKey.rsa(KID))
