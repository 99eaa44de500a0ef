"""Text that came from elsewhere, a token or a server, made fit for a terminal."""

from __future__ import annotations

LONGEST = 200


def printable(value: object, longest: int = LONGEST) -> str:
    r"""Return a value as one line of printable characters, cut where it grows too long.

    Args:
        value: anything.
        longest: the number of characters to keep.

    Example:
        >>> printable("a\x1b[31mb\nc")
        'a?[31mb?c'
    """
    text = "".join(letter if letter.isprintable() else "?" for letter in str(value)[: longest + 1])
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
