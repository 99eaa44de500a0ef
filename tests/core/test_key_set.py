"""A key set document, parsed: odd members are skipped and said, a set of none is no set."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kinde_guard import InvalidKeySet, KeySet, verify_signature
from tests.mint import KID, OMIT, Json, SigningKey, b64int, b64url, compact, jwks


@pytest.fixture(scope="module")
def weak_key() -> SigningKey:
    return SigningKey.rsa("odd", bits=1024)


def _private_members(key: SigningKey) -> Json:
    if not isinstance(key.private, rsa.RSAPrivateKey):
        raise AssertionError("an RSA key is needed")
    numbers = key.private.private_numbers()
    return {"d": b64int(numbers.d), "p": b64int(numbers.p), "q": b64int(numbers.q)}


Odd = Callable[[SigningKey, SigningKey], Any]

#: Members that verify nothing, made of (an RSA key, an EC key).
ODD_MEMBERS: dict[str, Odd] = {
    "unknown-kty": lambda rsa_key, ec_key: rsa_key.jwk(kty="AKP", kid="odd"),
    "kty-missing": lambda rsa_key, ec_key: rsa_key.jwk(kty=OMIT, kid="odd"),
    "kty-no-string": lambda rsa_key, ec_key: rsa_key.jwk(kty=["RSA"], kid="odd"),
    "unknown-crv": lambda rsa_key, ec_key: ec_key.jwk(crv="P-192", kid="odd"),
    "crv-missing": lambda rsa_key, ec_key: ec_key.jwk(crv=OMIT, kid="odd"),
    "crv-for-key-agreement": lambda rsa_key, ec_key: {
        "kty": "OKP",
        "crv": "X25519",
        "kid": "odd",
        "x": b64url(b"\x09" + bytes(31)),
    },
    "use-enc": lambda rsa_key, ec_key: rsa_key.jwk(use="enc", kid="odd"),
    "key-ops-without-verify": lambda rsa_key, ec_key: rsa_key.jwk(
        key_ops=["encrypt"], use=OMIT, kid="odd"
    ),
    "private-rsa": lambda rsa_key, ec_key: rsa_key.jwk(kid="odd", **_private_members(rsa_key)),
    "private-rsa-with-d-alone": lambda rsa_key, ec_key: rsa_key.jwk(
        kid="odd", d=_private_members(rsa_key)["d"]
    ),
    "private-ec": lambda rsa_key, ec_key: ec_key.jwk(kid="odd", d=b64url(b"\x01" * 32)),
    "symmetric": lambda rsa_key, ec_key: {"kty": "oct", "kid": "odd", "k": b64url(bytes(32))},
    "symmetric-with-alg": lambda rsa_key, ec_key: {
        "kty": "oct",
        "kid": "odd",
        "alg": "HS256",
        "use": "sig",
        "k": b64url(b"k" * 32),
    },
    "kid-missing": lambda rsa_key, ec_key: rsa_key.jwk(kid=OMIT),
    "kid-null": lambda rsa_key, ec_key: rsa_key.jwk(kid=None),
    "kid-number": lambda rsa_key, ec_key: rsa_key.jwk(kid=5),
    "kid-array": lambda rsa_key, ec_key: rsa_key.jwk(kid=["odd"]),
    "n-missing": lambda rsa_key, ec_key: rsa_key.jwk(n=OMIT, kid="odd"),
    "n-no-base64": lambda rsa_key, ec_key: rsa_key.jwk(n="$$$", kid="odd"),
    "n-number": lambda rsa_key, ec_key: rsa_key.jwk(n=5, kid="odd"),
    "n-empty": lambda rsa_key, ec_key: rsa_key.jwk(n="", kid="odd"),
    "n-null": lambda rsa_key, ec_key: rsa_key.jwk(n=None, kid="odd"),
    "e-missing": lambda rsa_key, ec_key: rsa_key.jwk(e=OMIT, kid="odd"),
    "e-one": lambda rsa_key, ec_key: rsa_key.jwk(e="AQ", kid="odd"),
    "e-even": lambda rsa_key, ec_key: rsa_key.jwk(e=b64int(65536), kid="odd"),
    "point-off-the-curve": lambda rsa_key, ec_key: ec_key.jwk(x=b64url(bytes(32)), kid="odd"),
    "point-missing": lambda rsa_key, ec_key: ec_key.jwk(y=OMIT, kid="odd"),
    "alg-number": lambda rsa_key, ec_key: rsa_key.jwk(alg=5, kid="odd"),
    "no-object": lambda rsa_key, ec_key: "key",
    "null": lambda rsa_key, ec_key: None,
    "array": lambda rsa_key, ec_key: [rsa_key.jwk(kid="odd")],
    "empty-object": lambda rsa_key, ec_key: {},
}
EVERY_ODD_MEMBER = pytest.mark.parametrize("odd", ODD_MEMBERS.values(), ids=ODD_MEMBERS)


def test_keys_are_found_by_their_kid(key: SigningKey, other_key: SigningKey) -> None:
    keys = KeySet.from_jwks(jwks(key, other_key))
    assert len(keys) == 2
    assert len(keys.find(key.kid)) == 1
    assert len(keys.find(other_key.kid)) == 1
    assert keys.find("unknown") == ()


@EVERY_ODD_MEMBER
@pytest.mark.parametrize("first", [True, False])
def test_odd_member_among_good_ones_is_skipped_with_a_log_line(
    odd: Odd,
    first: bool,
    key: SigningKey,
    other_key: SigningKey,
    ec_key: SigningKey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    members = [key.jwk(), odd(other_key, ec_key)]
    with caplog.at_level(logging.DEBUG):
        keys = KeySet.from_jwks({"keys": members[::-1] if first else members})

    assert len(keys) == 1
    assert keys.find("odd") == ()
    assert len(keys.find(KID)) == 1
    assert [record.name for record in caplog.records] == ["kinde_guard.keys"]
    assert caplog.records[0].levelno >= logging.INFO


@EVERY_ODD_MEMBER
def test_set_of_odd_members_alone_is_no_key_set(
    odd: Odd, key: SigningKey, ec_key: SigningKey
) -> None:
    with pytest.raises(InvalidKeySet):
        KeySet.from_jwks({"keys": [odd(key, ec_key)]})


def test_rsa_key_under_2048_bits_is_skipped_with_a_log_line(
    key: SigningKey, weak_key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    keys = KeySet.from_jwks(jwks(weak_key, key))
    assert (len(keys), keys.find("odd")) == (1, ())
    assert len(caplog.records) == 1
    with pytest.raises(InvalidKeySet):
        KeySet.from_jwks(jwks(weak_key))


def test_log_line_of_a_private_key_does_not_show_it(
    key: SigningKey, other_key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    private = other_key.jwk(**_private_members(other_key))
    KeySet.from_jwks(jwks(key, private))
    assert caplog.records
    for member in ("d", "p", "q"):
        assert private[member] not in caplog.text


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"keys": []},
        {"keys": {}},
        {"keys": None},
        {"keys": "RSA"},
        {"keys": 5},
        {"Keys": []},
        [],
        None,
        5,
        "keys",
    ],
    ids=repr,
)
def test_document_that_is_no_key_set_raises_invalid_key_set(document: object) -> None:
    with pytest.raises(InvalidKeySet):
        KeySet.from_jwks(document)  # type: ignore[arg-type]


def test_invalid_key_set_is_a_value_error() -> None:
    assert issubclass(InvalidKeySet, ValueError)


@pytest.mark.parametrize("change", [{"use": OMIT}, {"alg": OMIT}, {"x5c": ["AA"]}, {"new": {}}])
def test_member_with_more_or_less_of_the_optional_is_usable(
    change: dict[str, Any], key: SigningKey
) -> None:
    keys = KeySet.from_jwks({"keys": [key.jwk(**change)], "note": "more than keys"})
    token = compact({"alg": "RS256", "kid": KID}, b"{}", key)
    assert verify_signature(token, keys, ("RS256",)).payload == b"{}"


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512"])
def test_elliptic_curve_keys_are_usable(alg: str) -> None:
    signer = SigningKey.ec("curve", alg=alg)
    assert len(KeySet.from_jwks(jwks(signer)).find("curve")) == 1


def test_edwards_curve_key_is_usable() -> None:
    assert len(KeySet.from_jwks(jwks(SigningKey.ed25519("edwards"))).find("edwards")) == 1


def test_two_usable_keys_with_one_kid_are_both_kept(key: SigningKey, other_key: SigningKey) -> None:
    keys = KeySet.from_jwks(jwks(key, other_key.renamed(KID)))
    assert len(keys.find(KID)) == 2


def test_mapping_that_changes_later_does_not_change_the_key_set(key: SigningKey) -> None:
    document = jwks(key)
    keys = KeySet.from_jwks(document)
    document["keys"].clear()
    assert len(keys.find(KID)) == 1


@pytest.mark.parametrize("kid", ["", "unknown", KID.upper(), KID + " "])
def test_find_of_an_unknown_kid_gives_nothing(kid: str, key: SigningKey) -> None:
    assert KeySet.from_jwks(jwks(key)).find(kid) == ()


def test_repr_of_a_key_set_and_of_a_key_is_short_and_shows_no_material(key: SigningKey) -> None:
    keys = KeySet.from_jwks(jwks(key))
    for text in (repr(keys), repr(keys.find(KID))):
        assert key.jwk()["n"] not in text
        assert len(text) < 200


def test_public_pem_and_jwk_of_the_mint_are_the_same_key(key: SigningKey) -> None:
    loaded = serialization.load_pem_public_key(key.public_pem)
    assert isinstance(loaded, rsa.RSAPublicKey)
    assert b64int(loaded.public_numbers().n) == key.jwk()["n"]
