"""RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2.2): forged paddings, encodings and lengths are refused.

The verification is the library's; these tests hold every release of it to the RFC.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from kinde_guard.keys import PublicKey
from tests.mint import b64int

MESSAGE = b"header.payload"

HASHES = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}
EVERY_ALGORITHM = pytest.mark.parametrize("algorithm", sorted(HASHES))

#: DigestInfo up to the digest: the three that must be, and what forgers put in their place.
NAMES = {
    "RS256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "RS384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "RS512": bytes.fromhex("3051300d060960864801650304020305000440"),
    "SHA-1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "SHA-256 without NULL": bytes.fromhex("302f300b0609608648016503040201" + "0420"),
    "SHA-256, a long length": bytes.fromhex("308131300d060960864801650304020105000420"),
    "SHA-256, a longer sequence": bytes.fromhex("3033300d060960864801650304020105000420"),
    "none": b"",
}


class Signer(NamedTuple):
    """A key that signs any encoded message, well made or not."""

    private: rsa.RSAPrivateKey

    @property
    def public(self) -> rsa.RSAPublicKey:
        return self.private.public_key()

    @property
    def size(self) -> int:
        return (self.public.key_size + 7) // 8

    def sign(self, encoded: bytes) -> bytes:
        numbers = self.private.private_numbers()
        number = pow(int.from_bytes(encoded, "big"), numbers.d, numbers.public_numbers.n)
        return number.to_bytes(self.size, "big")


def signer(bits: int = 2048) -> Signer:
    return Signer(rsa.generate_private_key(65537, bits))


SIGNER = signer()
OTHER = signer()


def digest_of(algorithm: str) -> bytes:
    return hashlib.new(f"sha{algorithm[2:]}", MESSAGE).digest()


def encoded(content: bytes, start: bytes = b"\x00\x01") -> bytes:
    filling = b"\xff" * (SIGNER.size - len(start) - 1 - len(content))
    return start + filling + b"\x00" + content


def signature_check(key: rsa.RSAPublicKey, algorithm: str) -> Callable[[bytes, bytes], bool]:
    """Return a function of a message and a signature, for a published key."""
    numbers = key.public_numbers()
    jwk = {
        "kty": "RSA",
        "kid": "1",
        "n": b64int(numbers.n),
        "e": b64int(numbers.e),
    }
    public_key = PublicKey.from_jwk(jwk)
    return lambda message, signature: public_key.verify(algorithm, message, signature)


def verdict(algorithm: str, signature: bytes) -> bool:
    return signature_check(SIGNER.public, algorithm)(MESSAGE, signature)


@EVERY_ALGORITHM
@pytest.mark.parametrize("bits", [2048, 2049, 2055, 2056, 3072])
def test_signature_of_the_library_is_accepted_for_its_message_alone(
    algorithm: str, bits: int
) -> None:
    maker = signer(bits)
    signature = maker.private.sign(MESSAGE, padding.PKCS1v15(), HASHES[algorithm])
    check = signature_check(maker.public, algorithm)
    assert check(MESSAGE, signature) is True
    assert check(MESSAGE + b"x", signature) is False
    assert check(b"", signature) is False


@EVERY_ALGORITHM
def test_signature_made_by_hand_is_accepted(algorithm: str) -> None:
    assert verdict(algorithm, SIGNER.sign(encoded(NAMES[algorithm] + digest_of(algorithm))))


@EVERY_ALGORITHM
def test_signature_of_another_key_is_refused(algorithm: str) -> None:
    content = encoded(NAMES[algorithm] + digest_of(algorithm))
    assert not verdict(algorithm, OTHER.sign(content))


@EVERY_ALGORITHM
@pytest.mark.parametrize("signed", sorted(HASHES))
def test_signature_with_another_hash_is_refused(algorithm: str, signed: str) -> None:
    signature = SIGNER.private.sign(MESSAGE, padding.PKCS1v15(), HASHES[signed])
    assert verdict(algorithm, signature) == (algorithm == signed)


GOOD = NAMES["RS256"] + digest_of("RS256")
ODD_CONTENTS: dict[str, bytes] = {
    "nothing": b"",
    "the digest alone": digest_of("RS256"),
    "the name alone": NAMES["RS256"],
    "a byte more": GOOD + b"\x00",
    "much more (CVE-2006-4339)": GOOD + b"\x00" * 100,
    "a byte less": GOOD[:-1],
    "a byte before": b"\x00" + GOOD,
    "twice": GOOD + GOOD,
    "another digest": NAMES["RS256"] + bytes(32),
    "a changed name": GOOD.replace(b"\x02\x01\x05", b"\x02\x04\x05"),
}


@pytest.mark.parametrize("content", ODD_CONTENTS.values(), ids=ODD_CONTENTS)
def test_content_that_is_not_exactly_name_and_digest_is_refused(content: bytes) -> None:
    assert not verdict("RS256", SIGNER.sign(encoded(content)))


ODD_PADDINGS: dict[str, bytes] = {
    "another first byte": encoded(GOOD, start=b"\x01\x01"),
    "block type 0": encoded(GOOD, start=b"\x00\x00"),
    "block type 2": encoded(GOOD, start=b"\x00\x02"),
    "a hole": encoded(GOOD)[:100] + b"\xfe" + encoded(GOOD)[101:],
    "another separator": encoded(GOOD).replace(b"\xff\x00", b"\xff\x01"),
    "seven bytes, then garbage": b"\x00\x01" + b"\xff" * 7 + b"\x00" + GOOD + bytes(195),
    "eight bytes, then garbage": b"\x00\x01" + b"\xff" * 8 + b"\x00" + GOOD + bytes(194),
    "none": b"\x00\x01\x00" + GOOD + bytes(202),
    "no padding at all": GOOD.rjust(256, b"\x00"),
}


@pytest.mark.parametrize("padded", ODD_PADDINGS.values(), ids=ODD_PADDINGS)
def test_padding_that_is_not_whole_is_refused(padded: bytes) -> None:
    assert len(padded) == SIGNER.size
    assert not verdict("RS256", SIGNER.sign(padded))


def _one_that_is_short() -> bytes:
    # One signature in 256 begins with a zero; without it, it is the same number.
    for number in range(10_000):
        message = b"%d" % number
        signature = SIGNER.private.sign(message, padding.PKCS1v15(), HASHES["RS256"])
        if signature[0] == 0:
            return message
    raise RuntimeError("no signature begins with a zero")


def test_same_number_in_fewer_or_more_bytes_is_refused() -> None:
    message = _one_that_is_short()
    signature = SIGNER.private.sign(message, padding.PKCS1v15(), HASHES["RS256"])
    check = signature_check(SIGNER.public, "RS256")
    assert check(message, signature)
    assert not check(message, signature[1:])
    assert not check(message, b"\x00" + signature)
    assert not check(message, signature + b"\x00")


Change = Callable[[int, int], int]
ODD_NUMBERS: dict[str, Change] = {
    "zero": lambda _signature, _n: 0,
    "one": lambda _signature, _n: 1,
    "n - 1": lambda _signature, n: n - 1,
    "n": lambda _signature, n: n,
    "n + 1": lambda _signature, n: n + 1,
    "n - signature": lambda signature, n: n - signature,
    "the largest": lambda _signature, _n: 2**2048 - 1,
}


@pytest.mark.parametrize("change", ODD_NUMBERS.values(), ids=ODD_NUMBERS)
def test_odd_number_is_refused(change: Change) -> None:
    good = int.from_bytes(SIGNER.sign(encoded(GOOD)), "big")
    number = change(good, SIGNER.public.public_numbers().n)
    assert not verdict("RS256", number.to_bytes(256, "big"))


def test_signature_plus_the_modulus_is_refused() -> None:
    modulus = SIGNER.public.public_numbers().n
    for number in range(1_000):
        message = b"%d" % number
        signature = SIGNER.private.sign(message, padding.PKCS1v15(), HASHES["RS256"])
        malleable = int.from_bytes(signature, "big") + modulus
        if malleable < 2**2048:
            same = malleable.to_bytes(256, "big")
            assert not signature_check(SIGNER.public, "RS256")(message, same)
            return
    pytest.fail("no signature leaves room for the modulus")


@pytest.mark.parametrize("length", [0, 1, 32, 255, 257, 512, 10_000])
def test_signature_of_another_length_is_refused(length: int) -> None:
    assert not verdict("RS256", bytes(length))
    assert not verdict("RS256", b"\xff" * length)
