"""The guard with RSA signatures left to PyJWT, to show what comparing them itself is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from kinde_guard import KeySet, KindeGuard, RemoteKeySet
from kinde_guard.keys import PublicKey
from kinde_guard.verification.verifier import Verifier
from kinde_guard.vocabulary.events import Recorder


class _HeldKeys(RemoteKeySet):
    """Keys that are in hand from the start, and are never fetched."""

    def __init__(self, url: str, keys: KeySet) -> None:
        super().__init__(url)
        self._held = keys

    @property
    def in_hand(self) -> KeySet:
        return self._held


def leave_signatures_to_the_library(guard: KindeGuard, document: Mapping[str, Any]) -> None:
    """Give a guard the keys of a document, each of which verifies RS256 as PyJWT does.

    Args:
        guard: one that serves no requests yet.
        document: the key set, RSA keys only.
    """
    keys = KeySet(_left_to_the_library(jwk) for jwk in document["keys"])
    issuer = guard.settings.issuer
    guard.verifier = Verifier(guard.settings, {issuer: _HeldKeys(issuer, keys)}, Recorder())


def _left_to_the_library(jwk: dict[str, Any]) -> PublicKey:
    algorithm, material = RSAAlgorithm(RSAAlgorithm.SHA256), RSAAlgorithm.from_jwk(jwk)
    if not isinstance(material, RSAPublicKey):
        raise TypeError("a published key is a public one")

    def check(message: bytes, signature: bytes) -> bool:
        return algorithm.verify(message, material, signature)

    return PublicKey(jwk["kid"], {"RS256": check}, b"")
