"""Signing keys: RS256 on RSA 2048, published as JWKs, newest last.

A key's id is sixteen hex pairs joined by colons, as Kinde's are. Kinde's own jwt-validator decodes
a token's header with plain base64, so a key id must never put ``-`` or ``_`` into that segment: hex
digits and colons cannot.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from functools import cached_property
from typing import Final, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

KEY_SIZE: Final = 2048
RS256: Final = RSAAlgorithm(RSAAlgorithm.SHA256)


class SigningKey:
    """One RSA key: its id, its public JWK, and what it signs."""

    def __init__(self, private_key: RSAPrivateKey) -> None:
        self._private_key = private_key
        self._public_key = private_key.public_key()
        self.kid = _key_id(private_key)
        self.header = _segment({"alg": "RS256", "kid": self.kid, "typ": "JWT"})

    @classmethod
    def generate(cls) -> Self:
        """Return a new key."""
        return cls(generate_private_key(public_exponent=65537, key_size=KEY_SIZE))

    @classmethod
    def from_pem(cls, pem: str) -> Self:
        """Return the key that ``to_pem`` wrote."""
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, RSAPrivateKey):
            raise TypeError("a signing key of local Kinde is an RSA private key")
        return cls(key)

    def to_pem(self) -> str:
        """Return the private key, unencrypted."""
        return self._private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public half, with the members that Kinde's clients read (RFC 7517)."""
        numbers = RSAAlgorithm.to_jwk(self._public_key, as_dict=True)
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": str(numbers["n"]),
            "e": str(numbers["e"]),
        }

    def sign(self, claims: Mapping[str, object], *, header: str | None = None) -> str:
        """Return ``claims`` as a compact JWS, under this key's own header or the one given."""
        message = f"{header or self.header}.{_segment(claims)}"
        return f"{message}.{_base64url(RS256.sign(message.encode(), self._private_key))}"

    def signed(self, message: str, signature: str) -> bool:
        """Tell whether ``signature`` is this key's, over ``message``."""
        try:
            raw = _bytes_of(signature)
        except ValueError:
            return False
        return RS256.verify(message.encode(), self._public_key, raw)


class KeyRing:
    """The published keys of a tenant at one time; the newest stands last, and signs."""

    def __init__(self, keys: tuple[SigningKey, ...]) -> None:
        self.keys = keys

    @property
    def current(self) -> SigningKey:
        """The key that signs."""
        return self.keys[-1]

    @cached_property
    def _stranger(self) -> SigningKey:
        return SigningKey.generate()

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Return the key set to publish, the newest key first."""
        return {"keys": [key.jwk for key in reversed(self.keys)]}

    def sign(self, claims: Mapping[str, object]) -> str:
        """Return ``claims`` as a token of this tenant."""
        return self.current.sign(claims)

    def forge(self, claims: Mapping[str, object]) -> str:
        """Sign ``claims`` with a key that is not published, under the current key's header."""
        return self._stranger.sign(claims, header=self.current.header)

    def read(self, raw: str) -> dict[str, object] | None:
        """Return the claims of a token that a published key signed, else None."""
        message, _, signature = raw.rpartition(".")
        if not any(key.signed(message, signature) for key in self.keys):
            return None
        # What a published key signed was written here: it is well formed.
        claims: dict[str, object] = json.loads(_bytes_of(message.partition(".")[2]))
        return claims


def _key_id(key: RSAPrivateKey) -> str:
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(public).digest()[:16].hex(":")


def _segment(members: Mapping[str, object]) -> str:
    return _base64url(json.dumps(dict(members), separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes_of(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "==")
