"""Published test vectors, as data: tokens, public keys and verdicts. Each file names its source."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kinde_guard import GuardError, KeySet, verify_signature
from tests.mint import Json, SigningKey, jwks

EVERY_ALGORITHM = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
ACCEPTED = "accepted"

#: A key of nobody's, so that a key set with nothing usable but this one is still a key set.
_SPARE = SigningKey.ec("spare")


@dataclass(frozen=True)
class Vector:
    """A token with the keys that it came with.

    Attributes:
        name: the number that the source gives it.
        title: what the source says that it shows.
        token: compact, or the text of a JSON serialization.
        keys: JWKs, without private members; symmetric keys as they are.
        valid: whether the source calls the token good.
        payload: what is signed, where the source says it.
    """

    name: str
    title: str
    token: str
    keys: tuple[Json, ...]
    valid: bool = True
    payload: bytes | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.title}"

    @property
    def key_set(self) -> KeySet:
        return KeySet.from_jwks(self.document)

    @property
    def document(self) -> Json:
        """The key set as an issuer would publish it."""
        return jwks(*self.keys, _SPARE)

    def outcome(self) -> str:
        """Return how `verify_signature` decides: accepted, or the reason of the refusal."""
        return outcome_of(self.token, self.key_set)


def outcome_of(token: str, keys: KeySet) -> str:
    """Verify a signature with every algorithm allowed; any error but a refusal goes through."""
    try:
        verify_signature(token, keys, EVERY_ALGORITHM)
    except GuardError as error:
        return error.reason
    return ACCEPTED


@cache
def rfc(number: int) -> tuple[Vector, ...]:
    """Return the examples of an RFC."""
    return tuple(_examples(read(f"rfc{number}.json")))


def _examples(document: Json) -> Iterator[Vector]:
    for entry in document["vectors"]:
        payload = entry.get("payload")
        yield Vector(
            entry["name"],
            entry["title"],
            entry.get("compact") or json.dumps(entry["json"]),
            (entry["jwk"],) if entry["jwk"] else (),
            payload=payload.encode() if payload else None,
        )


@cache
def wycheproof(name: str) -> tuple[Vector, ...]:
    """Return the tests of one of Wycheproof's files."""
    return tuple(
        Vector(
            str(test["tcId"]),
            f"{group['comment']} {test['comment']}",
            test["jws"],
            tuple(group["keys"]),
            valid=test["result"] == "valid",
        )
        for group in read(f"wycheproof_{name}.json")["groups"]
        for test in group["tests"]
    )


def decoded(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "==")


def header_of(token: str) -> Any:
    return json.loads(decoded(token.split(".", maxsplit=1)[0]))


def read(name: str) -> Json:
    """Return one of the files; each must name its source."""
    document: Json = json.loads((Path(__file__).parent / "data" / name).read_text("utf-8"))
    if not document["source"]:
        raise ValueError(f"{name} does not say where it comes from")
    return document
