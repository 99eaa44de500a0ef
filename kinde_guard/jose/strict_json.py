"""JSON with one meaning only.

Two parsers that read one document differently are a way past a guard. So what RFC 8259 leaves open
is refused here: members that occur twice, ``NaN`` and the infinities, numbers too large for a
float, lone surrogates, byte order marks, and nesting deeper than any token or key set needs.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

MAX_DEPTH = 32
"""Levels of arrays and objects within one another."""

MAX_INTEGER_DIGITS = 500
"""Digits of an integer, sign included; decoding costs the square of their number."""

_WHITE_SPACE = " \t\n\r"

# A string up to its closing quote, or to the end of the text where there is none. The quantifiers
# are possessive: nothing is matched twice.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

_TO_ARRAYS = bytes.maketrans(b"{}", b"[]")

_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def loads(document: bytes) -> Any:  # noqa: ANN401 - JSON holds anything
    """Parse a JSON text in UTF-8.

    Args:
        document: the bytes of the text; the caller bounds their number.

    Raises:
        ValueError: the text is not JSON, is JSON that can be read in two ways, or is nested too
            deeply.

    Source: RFC 7493 (I-JSON), section 2; RFC 7515, section 4 (members must be unique); RFC 8259,
        section 9 (limits on depth and numbers).

    Example:
        >>> loads(b'{"scope": "read:users"}')
        {'scope': 'read:users'}
    """
    _refuse_deep(document)
    text = document.decode().strip(_WHITE_SPACE)
    value, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError("JSON text is followed by something else")
    if _SURROGATE.search(document):
        _refuse_surrogates(value)
    return value


def parse_object_or_none(document: bytes) -> dict[str, Any] | None:
    """Parse a JSON text that must be an object; ``None`` if it is not.

    For secrets: an error would carry the document, and an exception raised after it would carry
    the error as its context.

    Args:
        document: the bytes of the text; the caller bounds their number.

    Source: RFC 7515, section 4; RFC 7519, section 3.

    Example:
        >>> parse_object_or_none(b"[]") is None
        True
    """
    try:
        value = loads(document)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("JSON object holds a member twice")
    return members


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError("JSON number is too large")
    return value


def _integer(number: str) -> int:
    if len(number) > MAX_INTEGER_DIGITS:
        raise ValueError("JSON number is too large")
    return int(number)


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("JSON has no NaN or Infinity")


def _refuse_deep(document: bytes) -> None:
    # Before decoding: the decoder recurses, and where a thread's stack is small it overflows the
    # stack, which ends the process, long before the interpreter raises RecursionError.
    if document.count(b"[") + document.count(b"{") <= MAX_DEPTH:
        return
    brackets = _STRING.sub(b"", document).translate(_TO_ARRAYS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        # Each round takes away the innermost level.
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise ValueError("JSON is nested too deeply, or its brackets do not match")


def _refuse_surrogates(value: Any) -> None:  # noqa: ANN401 - JSON holds anything
    # Half a surrogate pair is a str that no encoder accepts: it would fail later, as a 500.
    json.dumps(value, ensure_ascii=False).encode()


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_refuse_constant,
    parse_float=_finite,
    parse_int=_integer,
)
