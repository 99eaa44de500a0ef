"""A signature that nobody made, or made over something else."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from kinde_guard import InvalidSignature, MalformedToken
from tests.attack.bypass.target import MakeGuard, Target
from tests.mint import KeyServer, SigningKey, Tenant, b64url, compact

pytestmark = pytest.mark.anyio

#: The order of each curve and the length of its numbers (FIPS 186-5; SEC 2).
CURVES = {
    "ES256": (0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551, 32),
    "ES384": (
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        48,
    ),
}


@pytest.fixture(params=CURVES)
def alg(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def curve_key(alg: str) -> SigningKey:
    return SigningKey.ec("curve", alg=alg)


@pytest.fixture
def curved(alg: str, curve_key: SigningKey, make_guard: MakeGuard, key_server: KeyServer) -> Target:
    """An application whose tenant signs with an elliptic curve."""
    key_server.publish(curve_key)
    return Target(make_guard(algorithms=[alg]))


def _token(tenant: Tenant, key: SigningKey, signature: bytes) -> str:
    header = tenant.header(alg=key.alg, kid=key.kid)
    return compact(header, tenant.claims("read:users"), sign=lambda _: signature)


async def test_psychic_signature_is_refused(
    alg: str, curved: Target, curve_key: SigningKey, tenant: Tenant
) -> None:
    """A signature of zeros, or of the order of the curve, which stands for zero.

    Seen: Java 15 to 18, CVE-2022-21449 ("psychic signatures").
    """
    order, size = CURVES[alg]
    for r in (0, 1, order - 1, order):
        for s in (0, order):
            signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
            token = _token(tenant, curve_key, signature)
            await curved.refuses(InvalidSignature, token=token)
    await curved.refuses(InvalidSignature, token=_token(tenant, curve_key, b""))


async def test_signature_in_another_encoding_is_refused(
    alg: str, curved: Target, curve_key: SigningKey, tenant: Tenant
) -> None:
    """A right signature written as DER, or with numbers of another length.

    Seen: elliptic, CVE-2024-42459 to CVE-2024-42461; jsrsasign, CVE-2020-14966.
    """
    _, size = CURVES[alg]
    token = tenant.token("read:users", key=curve_key)
    signing_input = token.rpartition(".")[0].encode()
    raw = curve_key.sign(signing_input)
    r, s = int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big")
    longer = b"\0" + raw[:size] + b"\0" + raw[size:]
    for signature in (encode_dss_signature(r, s), longer, raw + b"\0", b"\0" + raw, raw[:-1]):
        forged = f"{signing_input.decode()}.{b64url(signature)}"
        await curved.refuses(InvalidSignature, token=forged)
    await curved.lets_in(token=f"{signing_input.decode()}.{b64url(raw)}")


async def test_mirrored_signature_says_nothing_else(
    alg: str, curved: Target, curve_key: SigningKey, tenant: Tenant
) -> None:
    """The second signature that every ECDSA signature has. It is right, and let in: it signs the
    same claims. So a token's text is no name for it; lists of revoked tokens use ``jti``.

    Seen: elliptic, CVE-2020-13822; Bitcoin's malleable transactions.
    """
    order, size = CURVES[alg]
    token = tenant.token("read:users", key=curve_key)
    signing_input = token.rpartition(".")[0]
    raw = curve_key.sign(signing_input.encode())
    mirrored = raw[:size] + (order - int.from_bytes(raw[size:], "big")).to_bytes(size, "big")
    for signature in (raw, mirrored):
        await curved.lets_in(token=f"{signing_input}.{b64url(signature)}")
    forged = tenant.token("read:users", key=curve_key, sub="kp_forged").rpartition(".")[0]
    await curved.refuses(InvalidSignature, token=f"{forged}.{b64url(mirrored)}")


def _cube_root(number: int) -> int:
    """Return the smallest number whose cube is at least ``number``."""
    low, high = 0, 1 << (number.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < number else (low, middle)
    return low


#: RFC 8017, section 9.2, note 1: what stands before a SHA-256 digest.
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


def _forged(signing_input: bytes, size: int) -> bytes:
    """Return a number whose cube begins like a padded digest and ends in garbage."""
    digest = hashlib.sha256(signing_input).digest()
    beginning = b"\x00\x01" + b"\xff" * 8 + b"\x00" + _SHA256 + digest
    root = _cube_root(int.from_bytes(beginning.ljust(size, b"\x00"), "big"))
    if not (root**3).to_bytes(size, "big").startswith(beginning):
        raise ValueError("this forgery would deceive nobody")
    return root.to_bytes(size, "big")


async def test_signature_forged_for_a_small_exponent_is_refused(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    """A cube root that looks like a padded digest, for a key with the exponent 3.

    Seen: Bleichenbacher 2006, CVE-2006-4339; python-rsa, CVE-2016-1494; node-forge,
    CVE-2022-24771.
    """
    small = SigningKey("small", rsa.generate_private_key(3, 2048))
    key_server.publish(small)
    target = Target(make_guard())
    header = tenant.header(kid=small.kid)
    claims = tenant.claims("read:users")
    forged = compact(header, claims, sign=lambda data: _forged(data, 256))
    await target.refuses(InvalidSignature, token=forged)
    await target.lets_in(token=tenant.token("read:users", key=small))


async def test_rsa_signature_of_another_length_is_refused(target: Target, tenant: Tenant) -> None:
    """A right RSA signature with zeros before it, cut, doubled, or plus the modulus.

    Seen: jsrsasign, CVE-2020-14967 and CVE-2020-14968.
    """
    token = tenant.token("read:users")
    signing_input = token.rpartition(".")[0]
    raw = tenant.key.sign(signing_input.encode())
    public = tenant.key.private.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    shifted = int.from_bytes(raw, "big") + public.public_numbers().n
    odd = [b"\0" + raw, raw + b"\0", raw[1:], raw[:-1], raw + raw, b"", b"\0", raw[::-1]]
    for signature in (*odd, shifted.to_bytes(257, "big"), bytes(256)):
        await target.refuses(InvalidSignature, token=f"{signing_input}.{b64url(signature)}")
    await target.lets_in(token=f"{signing_input}.{b64url(raw)}")


async def test_signature_of_another_token_is_refused(target: Target, tenant: Tenant) -> None:
    """The parts of two good tokens, put together, one of them verified a moment before.

    Seen: caches of verdicts kept by a part of the token; fast-jwt, CVE-2026-35039.
    """
    one, two = tenant.token("read:users"), tenant.token("read:users", sub="kp_other")
    await target.lets_in(token=one)
    (header, payload, signature), (_, other_payload, other_signature) = (
        text.split(".") for text in (one, two)
    )
    for forged in (
        f"{header}.{other_payload}.{signature}",
        f"{header}.{payload}.{other_signature}",
    ):
        await target.refuses(InvalidSignature, token=forged)
    await target.refuses(MalformedToken, token=f"{payload}.{header}.{signature}")
