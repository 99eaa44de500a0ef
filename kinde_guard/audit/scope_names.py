"""Names of scopes that are so alike that one is a likely typo.

Edit distance is not enough by itself: ``v1`` and ``v2`` differ by a character and mean it.
"""

from __future__ import annotations

import difflib
import re

_GENERATED = re.compile(r"(get|post|put|patch|delete|options|head|trace):")
_SHORTEST = 5
_ALIKE = 0.75


def are_alike(name: str, other: str) -> bool:
    """Tell whether two names of scopes are so alike that one may be a typo.

    They are if they differ in case, punctuation or the order of their parts, or by one letter.
    Names of Kinde's import, which are not typed by hand, and numbers (``v1``, ``v2``) are not.

    Example:
        >>> are_alike("read:user", "read:users"), are_alike("read:users", "create:users")
        (True, False)
    """
    if _GENERATED.match(name) and _GENERATED.match(other):
        return False
    if _parts(name) == _parts(other):
        return True
    numbers_differ = re.findall(r"\d", name) != re.findall(r"\d", other)
    if min(len(name), len(other)) < _SHORTEST or numbers_differ:
        return False
    return _differ_by_one_letter(name.casefold(), other.casefold())


def _parts(name: str) -> list[str]:
    return sorted(part for part in re.split(r"[^0-9a-z]+", name.casefold()) if part)


def _differ_by_one_letter(name: str, other: str) -> bool:
    """Tell whether one letter is missing, wrong, or has changed places with the next."""
    matcher = difflib.SequenceMatcher(None, name, other, autojunk=False)
    edits = [edit for edit in matcher.get_opcodes() if edit[0] != "equal"]
    removed = "".join(name[a:b] for _, a, b, _, _ in edits)
    added = "".join(other[c:d] for _, _, _, c, d in edits)
    if len(edits) == 1:
        return len(removed) <= 1 and len(added) <= 1
    # A swap of neighbours is a removal and an insertion of the same letter, one letter apart.
    (_, start, _, _, _), (_, end, _, _, _) = edits[0], edits[-1]
    return len(edits) == 2 and removed == added and len(removed) == 1 and end - start <= 2
