"""What one examination of the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How an examination ended."""

    OK = "ok"
    ILL = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of the doctor's report.

    Attributes:
        name: what was examined.
        health: how it ended.
        says: what was found; parts of it may come from a server.
        remedy: what to do.
    """

    name: str
    health: Health
    says: str
    remedy: str = ""
