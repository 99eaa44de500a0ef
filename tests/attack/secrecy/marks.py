"""Secrets that can be found again: each says where it was planted, however it is spelled later.

A mark is searched for as it is and in the spellings that could hide it (base64 at each of the three
offsets that a text may have in it, hexadecimal), in any case. What is found is told by the place
where it was planted, never by the text around it.
"""

from __future__ import annotations

import base64
import traceback
from collections.abc import Iterable, Iterator


class Marks:
    """The marks of one test."""

    def __init__(self) -> None:
        self._spellings: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        """Return a new mark for a place: letters and digits, as good as any identifier."""
        mark = f"zq{len(self._spellings):04d}x{place.encode().hex()[:12]}kv"
        return self.also(mark, place)

    def also(self, text: str, place: str) -> str:
        """Treat a text that was not made here, such as a signature, as a mark; return it."""
        self._spellings |= dict.fromkeys(_spellings(text), place)
        return text

    def found_in(self, text: str) -> list[str]:
        """Return the places whose marks stand in a text, in any spelling and in any case."""
        lower = text.lower()
        return [place for spelling, place in self._spellings.items() if spelling in lower]

    def check(self, *texts: str) -> None:
        """Fail if a mark stands in one of the texts."""
        for text in texts:
            found = self.found_in(text)
            if found:
                raise AssertionError(f"marks of {', '.join(sorted(set(found)))} show")


def _spellings(mark: str) -> Iterator[str]:
    data = mark.encode()
    yield mark.lower()
    for offset in range(3):
        # The characters at both ends also hold bits of what stands beside the mark.
        encoded = base64.urlsafe_b64encode(b"\0" * offset + data).decode()[offset + 1 : -4].lower()
        yield from (encoded, encoded.replace("-", "+").replace("_", "/"))
    yield data.hex()


def everything_of(error: BaseException) -> str:
    """Return all that an error carries and leads to, but for the frames of its traceback."""
    return "\n".join(line for one in _family(error, set()) for line in _told(one))


def _family(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    members: Iterable[BaseException] = getattr(error, "exceptions", ())
    for other in (error.__cause__, error.__context__, *members):
        yield from _family(other, seen)


def _told(error: BaseException) -> Iterator[str]:
    yield from (str(error), repr(error), repr(error.args), repr(vars(error)))
    # What UnicodeError and JSONDecodeError keep of the text in which they found a fault.
    yield from (repr(getattr(error, name, "")) for name in ("object", "doc", "msg", "__notes__"))
    yield from traceback.format_exception(error)
