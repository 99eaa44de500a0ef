"""Wycheproof's 427 tests of signatures and key sets, those that the guard refuses by design named.

What Wycheproof calls invalid must be refused. The one exception is a key with a weakness that
neither the guard nor `cryptography` looks for: the issuer's choice of keys is trusted.
"""

from __future__ import annotations

from collections import Counter

import pytest

from kinde_guard import GuardError, InvalidToken, KindeGuard
from tests.attack.vectors.vectors import ACCEPTED, Vector, wycheproof
from tests.mint import AUDIENCE, DOMAIN, FrozenClock, KeyServer

SYMMETRIC = "unsupported_algorithm"

#: Good by Wycheproof, refused here: the number of the test, the reason, and why.
REFUSED_BY_DESIGN: dict[str, dict[str, tuple[str, str]]] = {
    "signatures": {
        **dict.fromkeys(
            ("1", "348", "352", "357", "358", "359", "376", "377"), (SYMMETRIC, "HS256")
        ),
        **dict.fromkeys(
            ("372", "373"),
            ("malformed_token", "a character outside of base64url in a segment, and HS256"),
        ),
        **dict.fromkeys(
            ("346", "350"), ("unsupported_algorithm", "PS384 with a key whose alg is PS256")
        ),
        **dict.fromkeys(("347", "351"), ("unknown_key", "the key's alg is ES521, which is none")),
    },
    "keys": dict.fromkeys(("2", "13", "14", "15"), (SYMMETRIC, "HS256, HS384, HS512")),
}

#: Bad by Wycheproof, accepted here.
ACCEPTED_ALL_THE_SAME: dict[str, dict[str, str]] = {
    "signatures": {},
    "keys": {"7": "an RSA key made by a generator with the ROCA weakness"},
}

TALLIES: dict[str, dict[tuple[str, str], int]] = {
    "signatures": {
        ("valid", ACCEPTED): 32,
        ("valid", "unsupported_algorithm"): 10,
        ("valid", "malformed_token"): 2,
        ("valid", "unknown_key"): 2,
        ("invalid", "invalid_signature"): 295,
        ("invalid", "malformed_token"): 36,
        ("invalid", "unsupported_algorithm"): 18,
        ("invalid", "unknown_key"): 6,
    },
    "keys": {
        ("valid", ACCEPTED): 1,
        ("valid", "unsupported_algorithm"): 4,
        ("invalid", ACCEPTED): 1,
        ("invalid", "unsupported_algorithm"): 11,
        ("invalid", "unknown_key"): 9,
    },
}
FILES = list(TALLIES)


def _verdict(vector: Vector) -> str:
    return "valid" if vector.valid else "invalid"


@pytest.mark.parametrize("file", FILES)
def test_outcomes_are_as_many_as_the_table_says(file: str) -> None:
    tally = Counter((_verdict(vector), vector.outcome()) for vector in wycheproof(file))
    assert tally == TALLIES[file]


@pytest.mark.parametrize("file", FILES)
def test_good_tokens_are_accepted_but_for_those_refused_by_design(file: str) -> None:
    good = [vector for vector in wycheproof(file) if vector.valid]
    outcomes = {vector.name: vector.outcome() for vector in good}
    refused = {name: reason for name, reason in outcomes.items() if reason != ACCEPTED}
    assert refused == {name: reason for name, (reason, _) in REFUSED_BY_DESIGN[file].items()}


@pytest.mark.parametrize("file", FILES)
def test_bad_tokens_are_refused_but_for_the_one_that_is_named(file: str) -> None:
    bad = [vector for vector in wycheproof(file) if not vector.valid]
    accepted = [vector.name for vector in bad if vector.outcome() == ACCEPTED]
    assert accepted == list(ACCEPTED_ALL_THE_SAME[file])


@pytest.mark.parametrize("file", FILES)
@pytest.mark.anyio
async def test_none_of_the_tokens_is_an_access_token(file: str) -> None:
    # Through a whole guard that serves the vector's keys: nothing but a refusal ever comes out.
    server = KeyServer()
    client = server.client()
    for vector in wycheproof(file):
        server.publish(*vector.document["keys"])
        guard = KindeGuard(
            DOMAIN,
            audience=AUDIENCE,
            algorithms=("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "EdDSA"),
            clock=FrozenClock(),
            monotonic=FrozenClock(),
            http_client=client,
        )
        with pytest.raises(GuardError) as refusal:
            await guard.verify(vector.token)
        assert isinstance(refusal.value, InvalidToken), vector
