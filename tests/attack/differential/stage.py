"""Who is judged by what: the keys of two issuers, and three ways to configure a validator.

The key sets hold every kind of key that the guard verifies with, and every kind that it passes
over. An `Expectation` is given to the guard and to both oracles alike; nothing else is configured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from random import Random

import httpx
from cryptography.hazmat.primitives.asymmetric import ec

from kinde_guard import KindeGuard
from tests.mint import (
    AUDIENCE,
    CLIENT_ID,
    DOMAIN,
    ISSUER,
    KID,
    NOW,
    OMIT,
    FrozenClock,
    Json,
    KeyServer,
    SigningKey,
    b64url,
    compact,
    jwks,
)

CUSTOM_ISSUER = "https://account.acme.example"
OTHER_AUDIENCE = "users-api"
RETIRED_KID = "retired"
LEEWAY = 5

EVERY_ALGORITHM = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)


@dataclass(frozen=True)
class Expectation:
    """What a validator is told to expect."""

    name: str
    algorithms: tuple[str, ...] = EVERY_ALGORITHM
    audience: tuple[str, ...] | None = (AUDIENCE, OTHER_AUDIENCE)
    issuers: tuple[str, ...] = (ISSUER, CUSTOM_ISSUER)
    leeway: int = LEEWAY


EVERYTHING = Expectation("every algorithm")
DEFAULT = Expectation("RS256 alone", algorithms=("RS256",), audience=(AUDIENCE,))
ANY_AUDIENCE = Expectation("any audience", audience=None)
EXPECTATIONS = (EVERYTHING, DEFAULT, ANY_AUDIENCE)


@dataclass(frozen=True)
class Keys:
    """Private keys: those whose public half is published, and those whose is not."""

    rsa: SigningKey = field(default_factory=lambda: SigningKey.rsa(KID))
    rsa_any: SigningKey = field(default_factory=lambda: SigningKey.rsa("rsa-any"))
    ec_256: SigningKey = field(default_factory=lambda: SigningKey.ec("ec-256"))
    ec_384: SigningKey = field(default_factory=lambda: SigningKey.ec("ec-384", alg="ES384"))
    ec_521: SigningKey = field(default_factory=lambda: SigningKey.ec("ec-521", alg="ES512"))
    ed25519: SigningKey = field(default_factory=lambda: SigningKey.ed25519("ed-25519"))
    twin: SigningKey = field(default_factory=lambda: SigningKey.ec("twin"))
    other_twin: SigningKey = field(default_factory=lambda: SigningKey.ec("twin"))
    weak: SigningKey = field(default_factory=lambda: SigningKey.rsa("weak", bits=1024))
    custom: SigningKey = field(default_factory=lambda: SigningKey.ec("ec-256"))
    retired: SigningKey = field(default_factory=lambda: SigningKey.ec(RETIRED_KID))
    stranger_rsa: SigningKey = field(default_factory=lambda: SigningKey.rsa("stranger"))
    stranger_ec: SigningKey = field(default_factory=lambda: SigningKey.ec("stranger"))

    @cached_property
    def usual(self) -> tuple[SigningKey, ...]:
        """Keys that a token may be signed with; those that take long less often."""
        rsa = (self.rsa, self.rsa_any, self.rsa_any.using("PS256").renamed("ps-256"))
        cheap = (self.ec_256, self.ed25519, self.twin, self.other_twin, self.custom)
        return (*rsa * 2, *cheap * 5, self.ec_384, self.ec_521)

    @cached_property
    def unusable(self) -> tuple[SigningKey, ...]:
        """Keys that are published, but not fit to verify with."""
        return (self.weak, *(self.ec_256.renamed(kid) for kid in ("enc", "no-verify", "private")))

    def stranger(self, key: SigningKey) -> SigningKey:
        """Return a key of nobody's under the name and the algorithm of another one."""
        family = self.stranger_rsa if key.alg[:2] in {"RS", "PS"} else self.stranger_ec
        return family.renamed(key.kid).using(key.alg)

    def documents(self) -> dict[str, Json]:
        """Return each issuer's key set."""
        enc, no_verify, private = (self.ec_256.renamed(k) for k in ("enc", "no-verify", "private"))
        return {
            ISSUER: jwks(
                self.rsa,
                self.rsa_any.jwk(alg=OMIT),
                self.rsa_any.using("PS256").renamed("ps-256"),
                *(self.ec_256, self.ec_384, self.ec_521, self.ed25519),
                *(self.twin, self.other_twin, self.weak),
                enc.jwk(use="enc"),
                no_verify.jwk(key_ops=["sign"]),
                private.jwk(d=_private_number(self.ec_256)),
                {
                    "kty": "oct",
                    "kid": "oct",
                    "alg": "HS256",
                    "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2Vj",
                },
            ),
            # One key alone, under a key id that means another key at the other issuer.
            CUSTOM_ISSUER: jwks(self.custom),
        }


def _private_number(key: SigningKey) -> str:
    if not isinstance(key.private, ec.EllipticCurvePrivateKey):
        raise TypeError
    return b64url(key.private.private_numbers().private_value.to_bytes(32, "big"))


class Stage:
    """Keys, guards that know them, and good tokens to start from."""

    def __init__(self) -> None:
        self.keys = Keys()
        self.documents = self.keys.documents()
        self.clock = FrozenClock()
        self.key_server = KeyServer()
        for issuer, document in self.documents.items():
            self.key_server.publish(*document["keys"], url=f"{issuer}/.well-known/jwks")
        self._client: httpx.AsyncClient = self.key_server.client()
        rng = Random(0)
        self.good = tuple(self._good(rng, key) for key in self.keys.usual)

    def guard(self, expectation: Expectation, clock: FrozenClock | None = None) -> KindeGuard:
        """Make a guard that has seen nothing yet."""
        return KindeGuard(
            DOMAIN,
            audience=expectation.audience,
            issuers=tuple(issuer for issuer in expectation.issuers if issuer != ISSUER),
            algorithms=expectation.algorithms,
            leeway=expectation.leeway,
            clock=clock or self.clock,
            monotonic=FrozenClock(1000.0),
            http_client=self._client,
        )

    def issuer_of(self, key: SigningKey) -> str:
        """Return the issuer that publishes a key."""
        return CUSTOM_ISSUER if key is self.keys.custom else ISSUER

    def _good(self, rng: Random, key: SigningKey) -> str:
        header = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
        return compact(header, claims_of(self.issuer_of(key), rng), key)


def claims_of(issuer: str, rng: Random) -> Json:
    """Return the claims of a good token, no two alike."""
    return {
        "aud": [AUDIENCE],
        "azp": CLIENT_ID,
        "exp": NOW + 3600,
        "gty": ["client_credentials"],
        "iat": NOW,
        "iss": issuer,
        "jti": f"{rng.getrandbits(128):032x}",
        "scope": "read:users",
        "scp": ["read:users"],
        "v": "2",
    }
