"""What one check of the guard said, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    FAILED = "failed"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: what is checked.
        outcome: how it ended.
        found: what the token says; may hold anything that a token can.
        expected: what the guard wants, where that is not what was found.
        remedy: what to do.
        reason: the guard's reason, where it would refuse the request for this.
    """

    name: str
    outcome: Outcome
    found: str
    expected: str = ""
    remedy: str = ""
    reason: str = ""
