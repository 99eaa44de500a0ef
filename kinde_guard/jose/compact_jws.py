"""Compact JWS: three segments, parsed strictly, and a signature that some key made.

A token has exactly one spelling here: base64url without padding, without stray bits, without white
space; a header that is one JSON object with no member twice and no ``crit``. What the payload says
is nobody's business in this module, and how a key checks a signature is the key's.

Source: RFC 7515, sections 3.1, 4.1 and 7.1; RFC 4648, section 3.5 (canonical encoding).
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from kinde_guard.jose.strict_json import object_of
from kinde_guard.vocabulary.errors import (
    InvalidSignature,
    InvalidToken,
    MalformedToken,
    UnknownKey,
    UnsupportedAlgorithm,
)


class VerificationKey(Protocol):
    """A public key with the algorithms that it may be used with."""

    @property
    def algorithms(self) -> frozenset[str]:
        """The ``alg`` values that this key accepts."""

    def verify(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        """Tell whether this key made ``signature`` over ``message``."""


Key = TypeVar("Key", bound=VerificationKey)


class KeySource(Protocol):
    """Keys that are in hand, found by their key id."""

    def find(self, kid: str) -> Sequence[VerificationKey]:
        """Return the keys with that id; none is an empty sequence."""


class CompactJws(NamedTuple):
    """A token taken apart, nothing verified yet.

    Attributes:
        header_segment: the header as it came.
        header: what it says.
        algorithm: its ``alg``.
        key_id: its ``kid``, if it names one.
        payload: the bytes that were signed, decoded.
        signature: likewise.
        signing_input: header and payload as they came.
    """

    header_segment: bytes
    header: dict[str, Any]
    algorithm: str
    key_id: str | None
    payload: bytes
    signature: bytes
    signing_input: bytes

    def __repr__(self) -> str:
        return f"<CompactJws of {len(self.signing_input)} bytes>"


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token whose signature is right. Nothing is said about what it claims.

    Attributes:
        header: the JOSE header.
        payload: the bytes that were signed.
        key: the key that made the signature.
    """

    header: dict[str, Any]
    payload: bytes
    key: VerificationKey

    def __repr__(self) -> str:
        return f"<SignedToken of {len(self.payload)} bytes>"


def verify_signature(raw: str | bytes, keys: KeySource, algorithms: Collection[str]) -> SignedToken:
    """Verify the signature of a compact JWS, and nothing else.

    For other things than access tokens that Kinde signs with the same keys, such as webhooks:
    whoever calls this decides what the payload must say.

    Args:
        raw: the token, ``header.payload.signature``.
        keys: for example a :class:`~kinde_guard.KeySet`.
        algorithms: the ``alg`` values to accept, such as ``("RS256",)``.

    Raises:
        MalformedToken: it is no strict compact JWS.
        UnsupportedAlgorithm: ``alg`` is not among ``algorithms``, or is not the key's.
        UnknownKey: no key has the token's ``kid``.
        InvalidSignature: the key did not make this signature.

    Source: RFC 7515, section 5.2.

    Example:
        >>> from kinde_guard import KeySet, MalformedToken
        >>> try:
        ...     verify_signature("no token", KeySet(()), ("RS256",))
        ... except MalformedToken as error:
        ...     error.reason
        'malformed_token'
    """
    token = parse(raw if isinstance(raw, bytes) else ascii_bytes(raw), {})
    if token.algorithm not in algorithms:
        raise UnsupportedAlgorithm
    candidates = keys.find(token.key_id) if token.key_id is not None else ()
    if not candidates:
        raise UnknownKey
    return SignedToken(token.header, token.payload, check_signature(token, candidates))


def ascii_bytes(raw: str) -> bytes:
    """Return a token that came as text as bytes.

    Raises:
        MalformedToken: it is no ASCII text.
    """
    if isinstance(raw, str) and raw.isascii():
        return raw.encode()
    raise MalformedToken


def parse(raw: bytes, known_headers: Mapping[bytes, dict[str, Any]]) -> CompactJws:
    """Take a token apart without trusting any of it.

    Args:
        raw: the token.
        known_headers: what header segments say that were read before. An issuer's tokens have but
            a few different ones, and reading one takes a tenth of verifying a token.

    Raises:
        MalformedToken: it is no strict compact JWS, or its header is unfit.
    """
    signing_input, _, signature = raw.rpartition(b".")
    segment, dot, payload = signing_input.partition(b".")
    # Too many dots are found by reading the payload: a dot is no base64url.
    if not dot:
        raise MalformedToken
    header = known_headers.get(segment) or _read_header(segment)
    return CompactJws(
        segment,
        header,
        header["alg"],
        header.get("kid"),
        _decode(payload),
        _decode(signature),
        signing_input,
    )


def payload_of(token: str) -> bytes:
    """Return the payload of a token that was parsed, and verified, before.

    Raises:
        MalformedToken: its payload is no strict base64url.
    """
    return _decode(token.split(".")[1].encode())


def check_signature(token: CompactJws, candidates: Sequence[Key]) -> Key:
    """Return the key among ``candidates`` that signed the token.

    Raises:
        UnsupportedAlgorithm: none of them may be used with the token's ``alg``.
        InvalidSignature: none of them made the signature.
    """
    algorithm = token.algorithm
    refusal: type[InvalidToken] = UnsupportedAlgorithm
    for key in candidates:
        if algorithm in key.algorithms:
            if key.verify(algorithm, token.signing_input, token.signature):
                return key
            refusal = InvalidSignature
    raise refusal


# What RFC 4648, section 5, writes differently from section 4, which is what binascii reads. What
# only section 4 knows becomes something that neither does.
_TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/...")

_BASE64URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# The last character of a segment carries bits that encode nothing; they must be zero, or one token
# would have several spellings. By the remainder of the length: the characters that may stand last,
# and the padding that binascii wants to see.
_ENDINGS = {
    0: (_BASE64URL, b""),
    1: (b"", b""),
    2: (b"AQgw", b"=="),
    3: (b"AEIMQUYcgkosw048", b"="),
}


def _decode(segment: bytes) -> bytes:
    # Payload and signature may be empty (RFC 7515, 4.1.1 and appendix F): an unsigned token is
    # refused for what it is, not for its shape.
    last, padding = _ENDINGS[len(segment) % 4]
    if segment[-1:] not in last:
        raise MalformedToken
    try:
        return a2b_base64(segment.translate(_TO_BASE64) + padding, strict_mode=True)
    except Error:
        raise MalformedToken from None


def _read_header(segment: bytes) -> dict[str, Any]:
    header = object_of(_decode(segment))
    # RFC 7515, 4.1.11: an extension that must be understood is one that this module does not know.
    # RFC 7797, 7: one of them, the payload that is no base64url, is not for tokens at all.
    if header is None or "crit" in header or header.get("b64", True) is not True:
        raise MalformedToken
    if not isinstance(header.get("alg"), str) or not isinstance(header.get("kid", ""), str):
        raise MalformedToken
    return header
