"""The examples of RFC 7515 (appendices A and E), RFC 7520 (section 4) and RFC 8037 (A.4).

Most of them are good tokens that this guard refuses by design: it verifies one compact signature
made by a public key that the token names. The tables say which, and by which reason.
"""

from __future__ import annotations

from collections import Counter

import pytest

from kinde_guard import InvalidKeySet, KeySet, UnsupportedAlgorithm, verify_signature
from kinde_guard.keys import PublicKey
from tests.attack.vectors.vectors import (
    ACCEPTED,
    EVERY_ALGORITHM,
    Vector,
    decoded,
    header_of,
    outcome_of,
    rfc,
)

SYMMETRIC = "unsupported_algorithm"
UNSECURED = "unsupported_algorithm"
NO_KEY_ID = "unknown_key"
NOT_COMPACT = "malformed_token"
CRITICAL = "malformed_token"

OUTCOMES: dict[int, dict[str, str]] = {
    7515: {
        "A.1": SYMMETRIC,
        "A.2": NO_KEY_ID,
        "A.3": NO_KEY_ID,
        "A.4": NO_KEY_ID,
        "A.5": UNSECURED,
        "A.6": NOT_COMPACT,
        "A.7": NOT_COMPACT,
        "E": CRITICAL,
    },
    7520: {
        "4.1": ACCEPTED,
        "4.1 json": NOT_COMPACT,
        "4.1 json_flat": NOT_COMPACT,
        "4.2": ACCEPTED,
        "4.2 json": NOT_COMPACT,
        "4.2 json_flat": NOT_COMPACT,
        "4.3": ACCEPTED,
        "4.3 json": NOT_COMPACT,
        "4.3 json_flat": NOT_COMPACT,
        "4.4": SYMMETRIC,
        "4.4 json": NOT_COMPACT,
        "4.4 json_flat": NOT_COMPACT,
        # Detached content: an empty payload, and symmetric besides.
        "4.5": SYMMETRIC,
        "4.5 json": NOT_COMPACT,
        "4.5 json_flat": NOT_COMPACT,
        "4.6 json": NOT_COMPACT,
        "4.6 json_flat": NOT_COMPACT,
        "4.7 json": NOT_COMPACT,
        "4.7 json_flat": NOT_COMPACT,
        "4.8 json": NOT_COMPACT,
    },
    8037: {"A.4": NO_KEY_ID},
}
EXAMPLES = [(number, vector) for number in OUTCOMES for vector in rfc(number)]
#: Compact, and signed with a key that has a public half.
SIGNED = [
    (number, vector)
    for number, vector in EXAMPLES
    if OUTCOMES[number][vector.name] in {ACCEPTED, NO_KEY_ID}
]


def _id(value: object) -> str:
    return f"RFC {value}" if isinstance(value, int) else str(value)


def test_tables_hold_every_example_once() -> None:
    for number, outcomes in OUTCOMES.items():
        assert [vector.name for vector in rfc(number)] == list(outcomes)
    told = Counter(outcome for outcomes in OUTCOMES.values() for outcome in outcomes.values())
    assert told == {ACCEPTED: 3, NO_KEY_ID: 4, SYMMETRIC: 4, NOT_COMPACT: 18}


@pytest.mark.parametrize(("number", "example"), EXAMPLES, ids=_id)
def test_example_is_decided_as_the_table_says(number: int, example: Vector) -> None:
    assert example.outcome() == OUTCOMES[number][example.name]


@pytest.mark.parametrize(("number", "example"), SIGNED, ids=_id)
def test_signature_is_right_whether_or_not_the_token_names_its_key(
    number: int, example: Vector
) -> None:
    # Without a key id the guard refuses; that its arithmetic is right is shown on the key itself.
    key = _named_key(example)
    signing_input, _, signature = example.token.rpartition(".")
    algorithm = header_of(example.token)["alg"]
    assert key.verify(algorithm, signing_input.encode(), decoded(signature))
    assert not key.verify(algorithm, signing_input.encode() + b"x", decoded(signature))


@pytest.mark.parametrize(("number", "example"), SIGNED, ids=_id)
def test_signature_with_any_bit_flipped_is_wrong(number: int, example: Vector) -> None:
    key = _named_key(example)
    signing_input, _, signature = example.token.rpartition(".")
    right = decoded(signature)
    for spot in range(0, len(right) * 8, 5):
        wrong = bytearray(right)
        wrong[spot // 8] ^= 1 << spot % 8
        assert not key.verify(header_of(example.token)["alg"], signing_input.encode(), bytes(wrong))


@pytest.mark.parametrize(("number", "example"), SIGNED, ids=_id)
def test_key_without_an_id_is_no_key_of_a_key_set(number: int, example: Vector) -> None:
    if OUTCOMES[number][example.name] == ACCEPTED:
        assert outcome_of(example.token, KeySet.from_jwks({"keys": list(example.keys)})) == ACCEPTED
        return
    assert "kid" not in example.keys[0]
    with pytest.raises(InvalidKeySet):
        KeySet.from_jwks({"keys": list(example.keys)})


@pytest.mark.parametrize("example", rfc(7520)[:9:3], ids=str)
def test_payload_is_what_the_rfc_says(example: Vector) -> None:
    signed = verify_signature(example.token, example.key_set, EVERY_ALGORITHM)
    assert example.payload is not None
    assert signed.payload == example.payload
    assert signed.header == {"alg": signed.header["alg"], "kid": example.keys[0]["kid"]}


@pytest.mark.parametrize(("number", "example"), SIGNED, ids=_id)
def test_algorithm_that_is_not_allowed_is_refused_before_the_key(
    number: int, example: Vector
) -> None:
    others = [name for name in EVERY_ALGORITHM if name != header_of(example.token)["alg"]]
    with pytest.raises(UnsupportedAlgorithm):
        verify_signature(example.token, example.key_set, others)


def _named_key(example: Vector) -> PublicKey:
    named = {"kid": "named by the test", **example.keys[0]}
    (key,) = KeySet.from_jwks({"keys": [named]})
    return key
