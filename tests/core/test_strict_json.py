"""Strict JSON: depth is measured on the bytes, so that no document overflows a small stack."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinde_guard.jose.strict_json import MAX_DEPTH, loads, parse_object_or_none

SMALL_STACK = """
import threading
from kinde_guard import KeySet, InvalidKeySet, MalformedToken, verify_signature
from kinde_guard.jose.strict_json import loads
from base64 import urlsafe_b64encode

def segment(text):
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

def refused(kind, call):
    try:
        call()
    except kind:
        return "refused"
    return "accepted"

def run():
    for text in ({texts}):
        token = segment(text) + ".e30.AAAA"
        print(refused(MalformedToken, lambda: verify_signature(token, KeySet(()), ("RS256",))))
        print(refused(ValueError, lambda: loads(text.encode())))

threading.stack_size(96 * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""

DEEP = """
    "[" * 11000, '{"a":' * 2200, "[" * 5500 + "]" * 5500, '["' + "[" * 9 + '",' + "[" * 9000
"""


def test_deep_document_is_refused_in_a_thread_with_a_stack_of_96_kib() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SMALL_STACK.replace("{texts}", DEEP)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["refused"] * 8


@pytest.mark.parametrize("opening", ["[", '{"a":'], ids=["arrays", "objects"])
def test_document_of_the_deepest_level_is_read_and_one_level_more_is_refused(opening: str) -> None:
    def nested(levels: int) -> bytes:
        closing = "]" if opening == "[" else "}"
        return (opening * levels + "0" + closing * levels).encode()

    assert loads(nested(MAX_DEPTH)) == json.loads(nested(MAX_DEPTH))
    with pytest.raises(ValueError, match="nested too deeply"):
        loads(nested(MAX_DEPTH + 1))


def test_wide_document_of_many_containers_is_read() -> None:
    document = json.dumps([[{}, []] for _ in range(500)]).encode()
    assert loads(document) == [[{}, []]] * 500


@pytest.mark.parametrize(
    "text",
    ["[" * 99, "]" * 99, '"' * 3 + "[" * 99, '\\"[' * 40, "\\" * 7 + "[{" * 40, '\\\\"['],
    ids=repr,
)
def test_brackets_quotes_and_escapes_in_strings_are_no_nesting(text: str) -> None:
    document = json.dumps([text, {text: [text, {}]}, *([[]] * 40)]).encode()
    assert loads(document) == json.loads(document)


@pytest.mark.parametrize(
    "document",
    [
        b'["' + b"[" * 99,
        b"[]" * 40,
        b"[}" * 40,
        b"[" * 40 + b"}" * 40,
        b"]" * 20 + b"[" * 40,
        b'\\"' + b"[" * 40,
        b'"\\',
    ],
    ids=repr,
)
def test_document_whose_brackets_or_strings_do_not_match_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(document)
    assert parse_object_or_none(document) is None


def test_integer_of_501_digits_is_refused() -> None:
    assert loads(b"9" * 500) == 10**500 - 1
    with pytest.raises(ValueError, match="too large"):
        loads(b"9" * 501)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('[]{}"\\,:a\u00e4')),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text('[{"\\'), inner),
    max_leaves=60,
)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(value=JSON, wrapped=st.integers(0, 40), ascii_=st.booleans())
def test_any_document_is_read_exactly_if_it_is_not_too_deep(
    value: object, wrapped: int, ascii_: bool
) -> None:
    for _ in range(wrapped):
        value = [value]
    document = json.dumps(value, ensure_ascii=ascii_).encode()
    if depth_of(value) > MAX_DEPTH:
        with pytest.raises(ValueError, match="nested"):
            loads(document)
    else:
        assert loads(document) == value
