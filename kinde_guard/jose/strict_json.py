"""JSON with one meaning only.

Two parsers that read one document differently are a way past a guard. So what RFC 8259 leaves open
is refused here: members that occur twice, ``NaN`` and the infinities, numbers too large for a
float, lone surrogates, byte order marks, and nesting deeper than any token or key set needs.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 32
"""Levels of arrays and objects within one another."""

_WHITE_SPACE = " \t\n\r"

_CONTAINERS = (dict, list)


def loads(document: bytes) -> Any:  # noqa: ANN401 - JSON holds anything
    """Parse a JSON text in UTF-8.

    Args:
        document: the bytes of the text; the caller bounds their number.

    Raises:
        ValueError: the text is not JSON, or is JSON that can be read in two ways.

    Source: RFC 7493 (I-JSON), section 2; RFC 7515, section 4 (members must be unique).

    Example:
        >>> loads(b'{"scope": "read:users"}')
        {'scope': 'read:users'}
    """
    try:
        text = document.decode().strip(_WHITE_SPACE)
        value, end = _DECODER.raw_decode(text)
        if document.count(b"[") + document.count(b"{") > MAX_DEPTH:
            _refuse_deep(value)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
    if end != len(text):
        raise ValueError("JSON text is followed by something else")
    if b"\\" in document:
        _refuse_surrogates(value)
    return value


def object_of(document: bytes) -> dict[str, Any] | None:
    """Parse a JSON text that must be an object; ``None`` where it is none.

    For secrets: an error would carry the document, and whatever is raised next would carry the
    error as its context.

    Args:
        document: the bytes of the text; the caller bounds their number.

    Source: RFC 7515, section 4; RFC 7519, section 3.

    Example:
        >>> object_of(b"[]") is None
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


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("JSON has no NaN or Infinity")


def _refuse_deep(value: Any) -> None:  # noqa: ANN401 - JSON holds anything
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, _CONTAINERS)
        ]
        if not level:
            return
    raise ValueError("JSON is nested too deeply")


def _refuse_surrogates(value: Any) -> None:  # noqa: ANN401 - JSON holds anything
    # Half a surrogate pair is a str that no encoder accepts: it would fail later, as a 500.
    json.dumps(value, ensure_ascii=False).encode()


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
)
