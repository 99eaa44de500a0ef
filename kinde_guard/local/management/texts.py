"""The kinds of text that bodies may hold, and the times that answers hold.

A control character is in none of them: no name has one, and a NUL ends a text in the middle for
programs in C.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

LINE = r"^[^\x00-\x1f\x7f]*$"
WORD = r"^[^\s\x00-\x1f\x7f]+$"

Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=LINE)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=LINE)]
Line = Annotated[str, StringConstraints(max_length=1024, pattern=LINE)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=WORD)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=LINE)]
Text = Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")]

MAX_ITEMS = 100
"""How many objects one request may change, as Kinde documents."""


class Body(BaseModel):
    """The body of a request: no value is bent into another type, unknown members are ignored."""

    model_config = ConfigDict(strict=True)


def date_time(seconds: float) -> datetime:
    """Return seconds since the epoch as a time that is written as RFC 3339 says."""
    return datetime.fromtimestamp(int(seconds), UTC)
