"""A client secret that shows in nothing but the request it is for."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, quote_plus

MAX_TEXT: Final = 500
"""Characters that are kept of a text from elsewhere."""


class Secret:
    """A text that is not to be seen.

    Example:
        >>> secret = Secret("s3cret")
        >>> secret, str(secret), secret.removed_from("It was s3cret?")
        (<secret>, '<secret>', 'It was <secret>?')
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "<secret>"

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def removed_from(self, text: str) -> str:
        """Return ``text`` fit to be shown: without the secret, on one line, not too long."""
        for spelling in (self._text, quote_plus(self._text), quote(self._text)):
            text = text.replace(spelling, repr(self))
        # Unprintable characters forge log lines, and half a surrogate pair cannot be printed.
        return "".join(each if each.isprintable() else " " for each in text[:MAX_TEXT]).strip()
