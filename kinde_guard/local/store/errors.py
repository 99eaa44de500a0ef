"""What the store refuses, one class each.

Those that concern rows are SQLite's own ``IntegrityError``, sorted by what was wrong, so that a
caller need not read messages. When one is raised, nothing of the change was written.
"""

from __future__ import annotations

import sqlite3
from typing import Final


class StoreError(ValueError):
    """The database that was asked for cannot serve as local Kinde's."""


class RowRefused(sqlite3.IntegrityError):
    """A change that the tenant's rules forbid; nothing of it was written."""


class AlreadyThere(RowRefused):
    """A value that must be unique is taken."""


class NotThere(RowRefused):
    """The change names something that does not exist."""


class NotAllowed(RowRefused):
    """A value is empty, too long or otherwise none that the column may hold."""


_KINDS: Final[dict[str, type[RowRefused]]] = {
    "SQLITE_CONSTRAINT_UNIQUE": AlreadyThere,
    "SQLITE_CONSTRAINT_PRIMARYKEY": AlreadyThere,
    "SQLITE_CONSTRAINT_FOREIGNKEY": NotThere,
}


def sorted_out(error: sqlite3.IntegrityError) -> RowRefused:
    """Return SQLite's error as the one of the classes above that it is."""
    if isinstance(error, RowRefused):
        return error
    return _KINDS.get(error.sqlite_errorname, NotAllowed)(str(error))
