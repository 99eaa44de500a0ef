"""A form of the console, read strictly: one content type, a bounded size, text only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from kinde_guard.local.console.problems import BrokenForm, Invalid, NotAForm, TooLarge

CONTENT_TYPE: Final = "application/x-www-form-urlencoded"
MAX_BYTES: Final = 65_536
"""Enough for every form without a document in it."""
MAX_FIELDS: Final = 2_000
MAX_TEXT: Final = 64
"""Characters in a name, an audience or the key of a scope, as Kinde allows."""

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Form:
    """What a form holds."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def one(self, name: str) -> str:
        """Return a field that is there at most once, "" if it is absent."""
        values = self._values.get(name, [""])
        if len(values) > 1:
            raise BrokenForm
        return values[0]

    def every(self, name: str) -> list[str]:
        """Return all values of a field that may be there several times."""
        return self._values.get(name, [])

    def text(self, name: str, label: str, *, longest: int = MAX_TEXT, needed: bool = True) -> str:
        """Return one line of text without white space around it.

        Args:
            name: the field's name.
            label: what the page calls the field, for the sentence if it cannot be used.
            longest: characters that it may have.
            needed: whether it must be filled in.

        Raises:
            Invalid: it is empty, too long or not one line of text.
        """
        value = self.one(name).strip()
        if needed and not value:
            raise Invalid(f"{label} is missing: fill it in.")
        if len(value) > longest:
            raise Invalid(f"{label} is too long: it may have {longest} characters.")
        if _UNPRINTABLE.search(value):
            raise Invalid(f"{label} must be one line of text.")
        return value

    def number(self, name: str, label: str, *, least: float, most: float) -> float:
        """Return a number between two others, or raise ``Invalid``."""
        typed = self.one(name).strip()
        sentence = f"{label} must be a number from {least:g} to {most:g}."
        try:
            value = float(typed)
        except ValueError:
            raise Invalid(sentence) from None
        # Written so that NaN, which is neither, is refused too.
        if not least <= value <= most:
            raise Invalid(sentence)
        return value


async def read_form(request: Request, max_bytes: int = MAX_BYTES) -> Form:
    """Return the form in the body of ``request``, or raise a ``Problem``."""
    media_type = request.headers.get("content-type", "").partition(";")[0]
    if media_type.strip().lower() != CONTENT_TYPE:
        raise NotAForm
    body = await _read_body(request, max_bytes)
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:
        raise BrokenForm from error
    return Form(pairs)


async def _read_body(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise TooLarge
    except ClientDisconnect as error:
        raise BrokenForm from error
    return bytes(body)
