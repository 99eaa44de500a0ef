"""Compact JWS: strict parsing of the three segments, and the check of the signature.

A token has exactly one valid encoding: base64url without padding, without non-zero trailing bits,
without white space; a header that is a JSON object with unique members and no ``crit``. The payload
is not interpreted here, and how a signature is computed is left to the key.

Source: RFC 7515, sections 3.1, 4.1 and 7.1; RFC 4648, section 3.5 (canonical encoding).
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from kinde_guard.jose.strict_json import parse_object_or_none
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
    """A parsed token; nothing of it is verified.

    Attributes:
        header_segment: the header as received, encoded.
        header: its members.
        algorithm: its ``alg``.
        key_id: its ``kid``, if it names one.
        payload: the decoded payload.
        signature: the decoded signature.
        signing_input: header and payload as received, encoded.
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
    """A token whose signature is valid. Its claims are not checked.

    Attributes:
        header: the JOSE header.
        payload: the decoded payload.
        key: the key that verified the signature.
    """

    header: dict[str, Any]
    payload: bytes
    key: VerificationKey

    def __repr__(self) -> str:
        return f"<SignedToken of {len(self.payload)} bytes>"


def verify_signature(raw: str | bytes, keys: KeySource, algorithms: Collection[str]) -> SignedToken:
    """Verify the signature of a compact JWS, and nothing else.

    For documents other than access tokens that Kinde signs with the same keys, such as webhooks:
    the caller checks the payload.

    Args:
        raw: the token, ``header.payload.signature``.
        keys: for example a :class:`~kinde_guard.KeySet`.
        algorithms: the ``alg`` values to accept, such as ``("RS256",)``.

    Raises:
        MalformedToken: it is not a strict compact JWS.
        UnsupportedAlgorithm: ``alg`` is not among ``algorithms``, or is not the key's.
        UnknownKey: no key has the token's ``kid``.
        InvalidSignature: the signature does not verify with the key.

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
    """Encode a token that was given as text.

    Raises:
        MalformedToken: it is not ASCII text.
    """
    if isinstance(raw, str) and raw.isascii():
        return raw.encode()
    raise MalformedToken


def parse(raw: bytes, known_headers: Mapping[bytes, dict[str, Any]]) -> CompactJws:
    """Parse a token; nothing of it is trusted.

    Args:
        raw: the token.
        known_headers: members of headers that were parsed before, by their encoded segment. An
            issuer's tokens have only a few, and parsing one takes a tenth of verifying a token.

    Raises:
        MalformedToken: it is not a strict compact JWS, or its header is not acceptable.
    """
    signing_input, _, signature = raw.rpartition(b".")
    segment, dot, payload = signing_input.partition(b".")
    # Further dots are found by decoding the payload: a dot is not base64url.
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


def decode_payload(token: str) -> bytes:
    """Return the payload of a token that was parsed, and verified, before.

    Raises:
        MalformedToken: its payload is not strict base64url.
    """
    return _decode(token.split(".")[1].encode())


def check_signature(token: CompactJws, candidates: Sequence[Key]) -> Key:
    """Return the key among ``candidates`` that verifies the token's signature.

    Raises:
        UnsupportedAlgorithm: none of them may be used with the token's ``alg``.
        InvalidSignature: the signature verifies with none of them.
    """
    algorithm = token.algorithm
    refusal: type[InvalidToken] = UnsupportedAlgorithm
    for key in candidates:
        if algorithm in key.algorithms:
            if key.verify(algorithm, token.signing_input, token.signature):
                return key
            refusal = InvalidSignature
    raise refusal


# RFC 4648: the alphabet of section 5 to that of section 4, which is what binascii decodes. What is
# only in section 4's alphabet is mapped to a byte that is in neither.
_TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/...")

# The header is parsed before anything is verified, so what parsing it may cost is bounded. RFC 7515
# defines eleven members.
_MAX_HEADER_CONTAINERS = 64
_MAX_HEADER_COMMAS = 256
_MAX_HEADER_ESCAPES = 256
_MAX_HEADER_DIGITS = 2048

_BASE64URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

# The last character of a segment has bits that encode nothing; they must be zero, or a token would
# have several encodings. By the remainder of the length: the characters that may stand last, and
# the padding that binascii expects.
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
    document = _decode(segment)
    if _is_costly(document):
        raise MalformedToken
    header = parse_object_or_none(document)
    # RFC 7515, 4.1.11: no extension that must be understood is supported here. RFC 7797, 7: the
    # unencoded payload is not for JWTs at all.
    if header is None or "crit" in header or header.get("b64", True) is not True:
        raise MalformedToken
    if not isinstance(header.get("alg"), str) or not isinstance(header.get("kid", ""), str):
        raise MalformedToken
    return header


def _is_costly(document: bytes) -> bool:
    return (
        document.count(b"[") + document.count(b"{") > _MAX_HEADER_CONTAINERS
        or document.count(b",") > _MAX_HEADER_COMMAS
        or document.count(b"\\") > _MAX_HEADER_ESCAPES
        or len(document) - len(document.translate(None, b"0123456789")) > _MAX_HEADER_DIGITS
    )
