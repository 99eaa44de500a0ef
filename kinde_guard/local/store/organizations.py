"""Organizations: what an application or an API key may be scoped to, and users belong to."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Final

from kinde_guard.local.store.database import Database, Row

_UPDATE: Final = """
UPDATE organizations SET
    name = coalesce(:name, name),
    handle = coalesce(:handle, handle),
    external_id = coalesce(:external_id, external_id)
WHERE code = :code
"""


@dataclass(frozen=True)
class Organization:
    """An organization of the tenant."""

    code: str
    name: str
    handle: str | None
    external_id: str | None
    is_default: bool
    created_on: float
    """Seconds since the epoch."""


class Organizations(Database):
    """The organizations of a tenant."""

    def organizations(self) -> list[Organization]:
        """Return all organizations, in the order in which they were added."""
        rows = self._all("SELECT * FROM organizations ORDER BY rowid")
        return [_organization(row) for row in rows]

    def organization(self, code: str) -> Organization | None:
        """Return the organization of that code, if there is one."""
        found = self._all("SELECT * FROM organizations WHERE code = ?", (code,))
        return _organization(found[0]) if found else None

    def add_organization(
        self,
        name: str,
        *,
        code: str | None = None,
        handle: str | None = None,
        external_id: str | None = None,
        is_default: bool = False,
        created_on: float | None = None,
    ) -> Organization:
        """Register an organization, under a new code unless one is given.

        Raises:
            AlreadyThere: another one has that code or handle.
            NotAllowed: the name is empty or too long.
        """
        code = code or f"org_{secrets.token_hex(6)[:11]}"
        created = time.time() if created_on is None else created_on
        row = (code, name, handle, external_id, is_default, created)
        self._write("INSERT INTO organizations VALUES (?, ?, ?, ?, ?, ?)", row)
        return Organization(*row)

    def update_organization(
        self,
        code: str,
        *,
        name: str | None = None,
        handle: str | None = None,
        external_id: str | None = None,
    ) -> None:
        """Change what is not None.

        Raises:
            NotThere: there is no such organization.
            AlreadyThere: another one has that handle.
        """
        changes = {"code": code, "name": name, "handle": handle, "external_id": external_id}
        self._write_one(_UPDATE, changes)

    def delete_organization(self, code: str) -> None:
        """Remove an organization, with the applications and keys that are scoped to it.

        Raises:
            NotThere: there is no such organization.
        """
        with self.transaction() as rows:
            self._write_one("DELETE FROM organizations WHERE code = ?", (code,))
            rows.execute("DELETE FROM applications WHERE org_code = ?", (code,))


def _organization(row: Row) -> Organization:
    return Organization(**row | {"is_default": bool(row["is_default"])})
