"""One public key of a JSON Web Key Set, and the algorithms that it may be used with.

A key decides its algorithms itself (its ``alg`` member, else its type and curve); the token never
does. Whatever is not plainly a public signature key of sound strength is refused with a reason.
Signatures are verified by PyJWT's algorithm objects on keys of cryptography; nothing is computed
here.

Source: RFC 7517, section 4; RFC 7518, sections 3 and 6; RFC 8037.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jwt.algorithms import Algorithm

SignatureCheck = Callable[[bytes, bytes], bool]
"""Tells of a message and a signature whether a certain key made it, with a certain algorithm."""

RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
EC_ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
OKP_CURVES = frozenset({"Ed25519", "Ed448"})

MIN_RSA_BITS = 2048

# RFC 7518, 6.2.2, 6.3.2 and 6.4; RFC 8037, 2: members that only private or symmetric keys have.
_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

# RFC 7638, 3.2, and RFC 8037, 2: what makes a key this key and no other.
_MATERIAL = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}


class UnusableKey(ValueError):
    """A member of a key set cannot verify signatures. The message says why."""


@cache
def signature_algorithms() -> Mapping[str, Algorithm]:
    """Return PyJWT's algorithm objects by ``alg``.

    Imported with the first key, not with the package: PyJWT and cryptography take longer to import
    than all the rest, and a program that only imports an application has no use for them.
    """
    from jwt.algorithms import get_default_algorithms  # noqa: PLC0415

    algorithms: dict[str, Algorithm] = get_default_algorithms()
    return algorithms


class PublicKey:
    """A key that verifies signatures.

    Args:
        kid: its key id.
        checks: by ``alg``, what tells whether it made a signature.
        fingerprint: see below.

    Attributes:
        kid: its key id.
        algorithms: the ``alg`` values that it accepts.
        fingerprint: a digest of id, algorithms and material: equal only for the very same key.
    """

    __slots__ = ("_checks", "algorithms", "fingerprint", "kid")

    def __init__(self, kid: str, checks: Mapping[str, SignatureCheck], fingerprint: bytes) -> None:
        self.kid = kid
        self.algorithms = frozenset(checks)
        self.fingerprint = fingerprint
        self._checks = checks

    @classmethod
    def from_jwk(cls, jwk: object) -> PublicKey:
        """Read a member of a key set.

        Args:
            jwk: the member, as JSON decoded it.

        Raises:
            UnusableKey: it is not a public signature key that this package can use.
        """
        if not isinstance(jwk, dict):
            raise UnusableKey("it is no JSON object")
        _check_purpose(jwk)
        algorithms = _algorithms(jwk)
        material = _load(jwk, algorithms)
        checks = {name: _signature_check(name, material) for name in algorithms}
        return cls(jwk["kid"], checks, _fingerprint(jwk, algorithms))

    def verify(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Tell whether this key made ``signature`` over ``message``."""
        return self._checks[algorithm](message, signature)

    def __repr__(self) -> str:
        return f"<PublicKey {self.kid!r} for {', '.join(sorted(self.algorithms))}>"


def _check_purpose(jwk: Mapping[str, Any]) -> None:
    kid = jwk.get("kid")
    if not isinstance(kid, str) or not kid:
        raise UnusableKey("it has no key id")
    if jwk.get("use", "sig") != "sig":
        raise UnusableKey("its use is not signatures")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise UnusableKey("its key_ops do not hold verify")
    if _SECRET_MEMBERS & jwk.keys():
        raise UnusableKey("it is private or symmetric")


def _algorithms(jwk: Mapping[str, Any]) -> frozenset[str]:
    possible = _possible_algorithms(jwk.get("kty"), jwk.get("crv"))
    named = jwk.get("alg")
    if named is None:
        return possible
    if not isinstance(named, str) or named not in possible:
        raise UnusableKey("its alg does not fit its kty and crv")
    return frozenset({named})


def _possible_algorithms(kty: object, crv: object) -> frozenset[str]:
    if kty == "RSA":
        return RSA_ALGORITHMS
    if kty == "EC" and isinstance(crv, str) and crv in EC_ALGORITHMS:
        return frozenset({EC_ALGORITHMS[crv]})
    if kty == "OKP" and isinstance(crv, str) and crv in OKP_CURVES:
        return frozenset({"EdDSA"})
    raise UnusableKey("its kty or crv is not supported")


def _load(jwk: dict[str, Any], algorithms: frozenset[str]) -> object:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from jwt.exceptions import PyJWTError  # noqa: PLC0415

    if not all(isinstance(jwk.get(member), str) for member in _MATERIAL[jwk["kty"]]):
        raise UnusableKey("its material is incomplete")
    try:
        material = signature_algorithms()[min(algorithms)].from_jwk(jwk)
    except (PyJWTError, ValueError, UnsupportedAlgorithm):
        raise UnusableKey("its material is broken") from None
    if isinstance(material, RSAPublicKey) and material.key_size < MIN_RSA_BITS:
        raise UnusableKey(f"it is an RSA key of fewer than {MIN_RSA_BITS} bits")
    return material


def _signature_check(name: str, material: object) -> SignatureCheck:
    # Looked up once for each key, not for each signature.
    verify = signature_algorithms()[name].verify
    return lambda message, signature: verify(message, material, signature)


def _fingerprint(jwk: Mapping[str, Any], algorithms: frozenset[str]) -> bytes:
    material = [jwk[member] for member in _MATERIAL[jwk["kty"]]]
    identity = json.dumps([jwk["kid"], sorted(algorithms), material])
    return hashlib.sha256(identity.encode()).digest()
