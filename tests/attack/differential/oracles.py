"""Two libraries that know nothing of this guard, told to expect the same.

A validator of several issuers is one for each of them, and lets in what any of them lets in.
PyJWT has no clock of its own that can be set, so the one that it reads is replaced
(:func:`standing_still`); joserfc takes the time as an argument.
"""

from __future__ import annotations

import base64
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Protocol, Self
from unittest.mock import patch

import jwt
from joserfc import jwt as jose
from joserfc.errors import SecurityWarning
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from tests.attack.differential.stage import Expectation
from tests.mint import Json

Clock = Callable[[], float]

PYJWT = "PyJWT"
JOSERFC = "joserfc"


@dataclass(frozen=True)
class Verdict:
    """A token was let in with these claims, or refused for this reason."""

    claims: str | None
    reason: str = ""

    @property
    def accepted(self) -> bool:
        return self.claims is not None

    @classmethod
    def letting_in(cls, claims: Mapping[str, Any]) -> Verdict:
        # As text, because 1, 1.0 and True are equal in Python and not the same claim.
        return cls(json.dumps(dict(claims), sort_keys=True))


class Oracle(Protocol):
    """A validator of tokens that somebody else wrote."""

    name: str

    def judge(self, raw: str | bytes) -> Verdict:
        """Let a token in, or refuse it; whatever it raises is a refusal."""


class PyJwt:
    """PyJWT, used as its `PyJWKClient` uses it: the key by its id, the algorithm by the key."""

    name = PYJWT

    def __init__(self, expectation: Expectation, documents: Mapping[str, Json]) -> None:
        self._expectation = expectation
        self._keys = {
            issuer: _pyjwt_keys(documents[issuer], expectation.algorithms)
            for issuer in expectation.issuers
        }
        audience = expectation.audience
        self._required = ["exp", "iss"] if audience is None else ["exp", "iss", "aud"]

    def judge(self, raw: str | bytes) -> Verdict:
        reason = "no key"
        try:
            kid = _key_id(raw)
        except Exception as error:  # noqa: BLE001 - whatever it raises
            return Verdict(None, type(error).__name__)
        for issuer, keys in self._keys.items():
            for key, algorithms in keys.get(kid, ()):
                try:
                    return Verdict.letting_in(self._decode(raw, issuer, key, algorithms))
                except Exception as error:  # noqa: BLE001 - whatever it raises
                    reason = type(error).__name__
        return Verdict(None, reason)

    def _decode(self, raw: str | bytes, issuer: str, key: Any, algorithms: list[str]) -> Json:
        audience = self._expectation.audience
        return jwt.decode(
            raw,
            key,
            algorithms=algorithms,
            issuer=issuer,
            audience=audience,
            leeway=self._expectation.leeway,
            options={"require": self._required, "verify_aud": audience is not None},
        )


def _key_id(raw: str | bytes) -> str:
    # What jwt.get_unverified_header does, without the checks that jwt.decode makes again.
    header = (raw if isinstance(raw, bytes) else raw.encode()).split(b".", 1)[0].rstrip(b"=")
    kid = json.loads(base64.urlsafe_b64decode(header + b"=="))["kid"]
    if not isinstance(kid, str):
        raise jwt.InvalidTokenError
    return kid


_BY_TYPE = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA",),
    "Ed448": ("EdDSA",),
}


def _pyjwt_keys(
    document: Json, allowed: tuple[str, ...]
) -> dict[str, list[tuple[object, list[str]]]]:
    keys: dict[str, list[tuple[object, list[str]]]] = {}
    for jwk in document["keys"]:
        if jwk["kty"] == "oct" or jwk.get("use", "sig") != "sig":
            continue
        named = jwk.get("alg")
        possible = (named,) if named else _BY_TYPE[jwk.get("crv", jwk["kty"])]
        key = jwt.PyJWK(jwk, algorithm=possible[0]).key
        fitting = [algorithm for algorithm in possible if algorithm in allowed]
        if fitting:
            keys.setdefault(jwk["kid"], []).append((key, fitting))
    return keys


class _Registry(JWSRegistry):
    """As wide as the guard: it bounds the whole token, and no part of it."""

    max_header_length = 1_000_000
    max_payload_length = 1_000_000
    max_signature_length = 1_000_000


class Joserfc:
    """joserfc, with one key set and one table of claims for each issuer."""

    name = JOSERFC

    def __init__(
        self, expectation: Expectation, documents: Mapping[str, Json], clock: Clock
    ) -> None:
        self._algorithms = list(expectation.algorithms)
        self._registry = _Registry(algorithms=self._algorithms, strict_check_header=False)
        with _unwarned():
            keys = [KeySet.import_key_set(documents[each]) for each in expectation.issuers]  # type: ignore[arg-type]
        claims = [_claims_registry(expectation, each, clock) for each in expectation.issuers]
        self._validators = list(zip(keys, claims, strict=True))

    def judge(self, raw: str | bytes) -> Verdict:
        reason = ""
        for keys, claims in self._validators:
            try:
                return Verdict.letting_in(self._decode(raw, keys, claims))
            except Exception as error:  # noqa: BLE001 - whatever it raises
                reason = type(error).__name__
        return Verdict(None, reason)

    def _decode(
        self, raw: str | bytes, keys: KeySet, claims: jose.JWTClaimsRegistry
    ) -> dict[str, Any]:
        token = jose.decode(raw, keys, algorithms=self._algorithms, registry=self._registry)
        claims.validate(token.claims)
        return token.claims


def _claims_registry(expectation: Expectation, issuer: str, clock: Clock) -> jose.JWTClaimsRegistry:
    options: dict[str, Any] = {
        "exp": {"essential": True},
        "iss": {"essential": True, "value": issuer},
    }
    if expectation.audience is not None:
        options["aud"] = {"essential": True, "values": list(expectation.audience)}
    # It asks for whole seconds, and compares with whatever number it is given.
    now: Any = clock
    return jose.JWTClaimsRegistry(now=now, leeway=expectation.leeway, **options)


def oracles(
    expectation: Expectation, documents: Mapping[str, Json], clock: Clock
) -> tuple[Oracle, ...]:
    """Return both oracles, told to expect this."""
    return PyJwt(expectation, documents), Joserfc(expectation, documents, clock)


@contextmanager
def standing_still(clock: Clock) -> Iterator[None]:
    """Let PyJWT read this clock, and neither library warn of the keys that it is given."""

    class Frozen(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(clock(), tz)

    with _unwarned(), patch("jwt.api_jwt.datetime", Frozen):
        yield


@contextmanager
def _unwarned() -> Iterator[None]:
    # A short key and EdDSA's old name are there on purpose.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        yield
