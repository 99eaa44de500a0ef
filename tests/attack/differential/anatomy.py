"""What a token says to the most lenient reader, for the rules that explain a difference.

Written apart from the guard's parser and from both oracles: it takes whatever it can make sense of
and notes what is odd about it.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.attack.differential.stage import Expectation
from tests.mint import Json


@dataclass
class Document:
    """One segment, read as JSON."""

    text: bytes
    value: Json = field(default_factory=dict)
    repeats: bool = False
    unreal: bool = False
    """Whether it holds a number that JSON has not, or that a float cannot hold."""

    def __post_init__(self) -> None:
        try:
            value = json.loads(
                self.text,
                object_pairs_hook=self._object,
                parse_constant=self._constant,
                parse_float=self._float,
            )
        except (ValueError, RecursionError):
            return
        self.value = value if isinstance(value, dict) else {}

    @property
    def encoding(self) -> str:
        """What the bytes look like; JSON between programs is UTF-8 without a mark."""
        return json.detect_encoding(self.text)

    @property
    def has_half_a_pair(self) -> bool:
        """Whether a string holds half of a surrogate pair."""
        return any(
            isinstance(value, str) and re.search("[\ud800-\udfff]", value)
            for level in _levels(self.value)
            for value in level
        )

    @property
    def depth(self) -> int:
        """Levels of arrays and objects within one another."""
        return sum(
            any(isinstance(value, dict | list) for value in level) for level in _levels(self.value)
        )

    def _object(self, pairs: list[tuple[str, Any]]) -> Json:
        members = dict(pairs)
        self.repeats |= len(members) != len(pairs)
        return members

    def _constant(self, name: str) -> float:
        self.unreal = True
        return float(name)

    def _float(self, digits: str) -> float:
        number = float(digits)
        self.unreal |= math.isinf(number)
        return number


def _levels(value: Any) -> Iterator[list[Any]]:
    """Yield what lies at each depth, names of members included; never by recursion."""
    level = [value]
    while level:
        yield level
        level = [child for parent in level for child in _children(parent)]


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


@dataclass(frozen=True)
class Anatomy:
    """A token taken apart, and what it was compared under."""

    raw: str | bytes
    expectation: Expectation
    now: float

    @cached_property
    def octets(self) -> bytes:
        return self.raw if isinstance(self.raw, bytes) else self.raw.encode("utf-8", "replace")

    @cached_property
    def segments(self) -> list[bytes]:
        return self.octets.split(b".")

    @cached_property
    def documents(self) -> tuple[Document, Document]:
        """Header and payload."""
        header, payload = (decoded(segment) for segment in (*self.segments, b"", b"")[:2])
        return Document(header), Document(payload)

    @property
    def header(self) -> Json:
        return self.documents[0].value

    @property
    def claims(self) -> Json:
        return self.documents[1].value

    @property
    def audience(self) -> list[Any]:
        value = self.claims.get("aud")
        return value if isinstance(value, list) else [value]

    def times(self) -> Iterator[tuple[str, Any]]:
        """Yield the claims that are dates."""
        for name in ("exp", "nbf", "iat"):
            if name in self.claims:
                yield name, self.claims[name]


def decoded(segment: bytes) -> bytes:
    """Return what a segment encodes, as far as anybody could say that it encodes something."""
    text = segment.rstrip(b"=")
    try:
        return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        return b""
