"""Wycheproof's 776 RSASSA-PKCS1-v1_5 signatures: paddings, encodings and lengths of forgers.

The verification is the library's; the vectors hold its releases to more than tokens can show.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest

from kinde_guard.keys import PublicKey
from tests.attack.vectors.vectors import decoded, read
from tests.mint import Json

#: Wycheproof calls a digest's name without its NULL acceptable; RFC 8017, 8.2.2, leaves it to the
#: verifier, OpenSSL refuses it, and so does the guard.
LEFT_TO_THE_VERIFIER = "MissingNull"


class Signature(NamedTuple):
    """One test of Wycheproof's."""

    key: PublicKey
    algorithm: str
    test: Json

    def __str__(self) -> str:
        return f"{self.algorithm} {self.test['tcId']} {self.test['comment']}"

    @property
    def accepted(self) -> bool:
        message = bytes.fromhex(self.test["msg"])
        return self.key.verify(self.algorithm, message, decoded(self.test["sig"].rstrip("=")))


def _signatures() -> list[Signature]:
    return [
        Signature(_key(group), group["alg"], test)
        for group in read("wycheproof_pkcs1.json")["groups"]
        for test in group["tests"]
    ]


def _key(group: Json) -> PublicKey:
    return PublicKey.from_jwk({"kty": "RSA", "kid": "1", "n": group["n"], "e": group["e"]})


SIGNATURES = _signatures()


def test_verdicts_are_as_many_as_published() -> None:
    assert Counter(signature.test["result"] for signature in SIGNATURES) == {
        "valid": 24,
        "acceptable": 3,
        "invalid": 749,
    }


@pytest.mark.parametrize("signature", SIGNATURES, ids=str)
def test_valid_signatures_and_no_others_are_accepted(signature: Signature) -> None:
    test = signature.test
    assert (test["result"] == "acceptable") == (LEFT_TO_THE_VERIFIER in test["flags"])
    assert signature.accepted == (test["result"] == "valid")
