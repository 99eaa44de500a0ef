"""Users, and which organizations they belong to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from kinde_guard.local.claims import new_user_id
from kinde_guard.local.store.database import Database, Row

_ADD: Final = """
INSERT INTO users (
    id, email, username, phone, first_name, last_name, provided_id, picture, created_on
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *
"""
_UPDATE: Final = """
UPDATE users SET
    first_name = coalesce(:first_name, first_name),
    last_name = coalesce(:last_name, last_name),
    provided_id = coalesce(:provided_id, provided_id),
    picture = coalesce(:picture, picture),
    is_suspended = coalesce(:is_suspended, is_suspended)
WHERE id = :id
"""


@dataclass(frozen=True)
class User:
    """A user of the tenant."""

    id: str
    email: str | None
    username: str | None
    phone: str | None
    first_name: str | None
    last_name: str | None
    provided_id: str | None
    picture: str | None
    is_suspended: bool
    created_on: float
    """Seconds since the epoch."""
    organizations: tuple[str, ...]


class Users(Database):
    """The users of a tenant."""

    def users(self) -> list[User]:
        """Return all users, in the order in which they were added."""
        with self.reading():
            return [self._user(row) for row in self._all("SELECT * FROM users ORDER BY rowid")]

    def user(self, user_id: str) -> User | None:
        """Return the user of that id, if there is one."""
        with self.reading():
            found = self._all("SELECT * FROM users WHERE id = ?", (user_id,))
            return self._user(found[0]) if found else None

    def user_by_email(self, email: str) -> User | None:
        """Return the user of that e-mail address, in capitals or not, if there is one."""
        with self.reading():
            query = "SELECT * FROM users WHERE lower(email) = lower(?)"
            found = self._all(query, (email,))
            return self._user(found[0]) if found else None

    def add_user(
        self,
        *,
        email: str | None = None,
        username: str | None = None,
        phone: str | None = None,
        first_name: str | None = None,
        last_name: str | None = None,
        provided_id: str | None = None,
        picture: str | None = None,
        created_on: float | None = None,
    ) -> User:
        """Register a user.

        Raises:
            AlreadyThere: another one has that email, username or phone.
        """
        names = (email, username, phone, first_name, last_name, provided_id, picture)
        created = time.time() if created_on is None else created_on
        with self.transaction():
            return self._user(self._all(_ADD, (new_user_id(), *names, created))[0])

    def update_user(
        self,
        user_id: str,
        *,
        first_name: str | None = None,
        last_name: str | None = None,
        provided_id: str | None = None,
        picture: str | None = None,
        is_suspended: bool | None = None,
    ) -> None:
        """Change what is not None.

        Raises:
            NotThere: there is no such user.
        """
        changes = {
            "id": user_id,
            "first_name": first_name,
            "last_name": last_name,
            "provided_id": provided_id,
            "picture": picture,
            "is_suspended": is_suspended,
        }
        self._write_one(_UPDATE, changes)

    def delete_user(self, user_id: str) -> None:
        """Remove a user.

        Raises:
            NotThere: there is no such user.
        """
        self._write_one("DELETE FROM users WHERE id = ?", (user_id,))

    def add_member(self, org_code: str, user_id: str) -> None:
        """Let a user belong to an organization.

        Raises:
            NotThere: there is no such organization or user.
        """
        self._write("INSERT OR IGNORE INTO members VALUES (?, ?)", (org_code, user_id))

    def remove_member(self, org_code: str, user_id: str) -> None:
        """Let a user belong to an organization no more.

        Raises:
            NotThere: the user did not belong to it.
        """
        query = "DELETE FROM members WHERE org_code = ? AND user_id = ?"
        self._write_one(query, (org_code, user_id))

    def members(self, org_code: str) -> list[User]:
        """Return the users of an organization."""
        query = (
            "SELECT users.* FROM users JOIN members ON user_id = id"
            " WHERE org_code = ? ORDER BY members.rowid"
        )
        with self.reading():
            return [self._user(row) for row in self._all(query, (org_code,))]

    def _user(self, row: Row) -> User:
        query = "SELECT org_code FROM members WHERE user_id = ? ORDER BY rowid"
        organizations = tuple(found["org_code"] for found in self._all(query, (row["id"],)))
        return User(
            **row | {"is_suspended": bool(row["is_suspended"]), "organizations": organizations},
        )
