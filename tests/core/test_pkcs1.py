"""RSASSA-PKCS1-v1_5: one verdict with the library's own verify, whatever was signed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from kinde_guard.keys.pkcs1 import ALGORITHMS, signature_check

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


def library(key: rsa.RSAPublicKey, algorithm: str, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, message, padding.PKCS1v15(), HASHES[algorithm])
    except InvalidSignature:
        return False
    return True


def verdict(algorithm: str, signature: bytes) -> bool:
    """Return the verdict, which must be the library's too."""
    found = signature_check(SIGNER.public, algorithm)(MESSAGE, signature)
    assert found is library(SIGNER.public, algorithm, MESSAGE, signature)
    return found


def test_every_pkcs1_algorithm_of_jose_is_known() -> None:
    assert set(HASHES) == ALGORITHMS


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
            assert not library(SIGNER.public, "RS256", message, same)
            return
    pytest.fail("no signature leaves room for the modulus")


@pytest.mark.parametrize("length", [0, 1, 32, 255, 257, 512, 10_000])
def test_signature_of_another_length_is_refused(length: int) -> None:
    assert not verdict("RS256", bytes(length))
    assert not verdict("RS256", b"\xff" * length)


@st.composite
def encoded_messages(draw: st.DrawFn) -> bytes:
    """Return an encoded message of the right length, each part of it right or not."""
    algorithm = draw(st.sampled_from(sorted(HASHES)))
    name = NAMES[draw(st.one_of(st.just(algorithm), st.sampled_from(sorted(NAMES))))]
    digest = draw(st.one_of(st.just(digest_of(algorithm)), st.binary(max_size=70)))
    trailer = draw(st.one_of(st.just(b""), st.binary(max_size=40)))
    start = draw(st.one_of(st.just(b"\x00\x01"), st.binary(min_size=2, max_size=2)))
    whole = bytearray(encoded(name + digest + trailer, start=start))
    for place in draw(st.lists(st.integers(0, SIGNER.size - 1), max_size=2)):
        whole[place] ^= draw(st.integers(0, 255))
    return bytes(whole)


@given(message=encoded_messages())
def test_verdict_is_the_library_s_whatever_was_encoded(message: bytes) -> None:
    modulus = SIGNER.public.public_numbers().n
    if int.from_bytes(message, "big") < modulus:
        for algorithm in HASHES:
            verdict(algorithm, SIGNER.sign(message))


@given(signature=st.binary(min_size=250, max_size=260))
def test_verdict_is_the_library_s_whatever_the_signature(signature: bytes) -> None:
    for algorithm in HASHES:
        verdict(algorithm, signature)
