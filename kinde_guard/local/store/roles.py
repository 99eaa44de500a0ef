"""Roles, permissions, and what a role holds: permissions, and scopes of APIs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from kinde_guard.local.store.apis import ApiScope
from kinde_guard.local.store.database import Database, Row
from kinde_guard.local.store.errors import NotThere

_UPDATE_ROLE: Final = """
UPDATE roles SET
    key = coalesce(:key, key),
    name = coalesce(:name, name),
    description = coalesce(:description, description),
    is_default = coalesce(:is_default, is_default)
WHERE id = :id
"""
_UPDATE_PERMISSION: Final = """
UPDATE permissions SET
    key = coalesce(:key, key),
    name = coalesce(:name, name),
    description = coalesce(:description, description)
WHERE id = :id
"""


@dataclass(frozen=True)
class Role:
    """A role of the tenant."""

    id: str
    key: str
    name: str
    description: str
    is_default: bool


@dataclass(frozen=True)
class Permission:
    """A permission of the tenant."""

    id: str
    key: str
    name: str
    description: str


class Roles(Database):
    """Roles and permissions."""

    def roles(self) -> list[Role]:
        """Return all roles, in the order in which they were added."""
        return [_role(row) for row in self._all("SELECT * FROM roles ORDER BY rowid")]

    def role(self, role_id: str) -> Role | None:
        """Return the role of that id, if there is one."""
        found = self._all("SELECT * FROM roles WHERE id = ?", (role_id,))
        return _role(found[0]) if found else None

    def add_role(
        self, key: str, name: str, description: str = "", *, is_default: bool = False
    ) -> Role:
        """Register a role.

        Raises:
            AlreadyThere: another one has that key.
        """
        role = Role(str(uuid.uuid4()), key, name, description, is_default)
        row = (role.id, key, name, description, is_default)
        self._write("INSERT INTO roles VALUES (?, ?, ?, ?, ?)", row)
        return role

    def update_role(
        self,
        role_id: str,
        *,
        key: str | None = None,
        name: str | None = None,
        description: str | None = None,
        is_default: bool | None = None,
    ) -> None:
        """Change what is not None.

        Raises:
            NotThere: there is no such role.
            AlreadyThere: another one has that key.
        """
        changes = {
            "id": role_id,
            "key": key,
            "name": name,
            "description": description,
            "is_default": is_default,
        }
        self._write_one(_UPDATE_ROLE, changes)

    def delete_role(self, role_id: str) -> None:
        """Remove a role.

        Raises:
            NotThere: there is no such role.
        """
        self._write_one("DELETE FROM roles WHERE id = ?", (role_id,))

    # Permissions

    def permissions(self) -> list[Permission]:
        """Return all permissions, in the order in which they were added."""
        return [Permission(**row) for row in self._all("SELECT * FROM permissions ORDER BY rowid")]

    def add_permission(self, key: str, name: str, description: str = "") -> Permission:
        """Register a permission.

        Raises:
            AlreadyThere: another one has that key.
        """
        permission = Permission(str(uuid.uuid4()), key, name, description)
        row = (permission.id, key, name, description)
        self._write("INSERT INTO permissions VALUES (?, ?, ?, ?)", row)
        return permission

    def update_permission(
        self,
        permission_id: str,
        *,
        key: str | None = None,
        name: str | None = None,
        description: str | None = None,
    ) -> None:
        """Change what is not None.

        Raises:
            NotThere: there is no such permission.
            AlreadyThere: another one has that key.
        """
        changes = {"id": permission_id, "key": key, "name": name, "description": description}
        self._write_one(_UPDATE_PERMISSION, changes)

    def delete_permission(self, permission_id: str) -> None:
        """Remove a permission, from every role too.

        Raises:
            NotThere: there is no such permission.
        """
        self._write_one("DELETE FROM permissions WHERE id = ?", (permission_id,))

    # What a role holds

    def role_permissions(self, role_id: str) -> list[Permission]:
        """Return the permissions of a role.

        Raises:
            NotThere: there is no such role.
        """
        query = (
            "SELECT permissions.* FROM permissions JOIN role_permissions ON permission_id = id"
            " WHERE role_id = ? ORDER BY role_permissions.rowid"
        )
        with self.reading():
            self._check_role(role_id)
            return [Permission(**row) for row in self._all(query, (role_id,))]

    def add_role_permission(self, role_id: str, permission_id: str) -> None:
        """Give a role a permission; once is enough.

        Raises:
            NotThere: there is no such role or permission.
        """
        query = "INSERT OR IGNORE INTO role_permissions VALUES (?, ?)"
        self._write(query, (role_id, permission_id))

    def delete_role_permission(self, role_id: str, permission_id: str) -> None:
        """Take a permission from a role.

        Raises:
            NotThere: the role does not hold it.
        """
        query = "DELETE FROM role_permissions WHERE role_id = ? AND permission_id = ?"
        self._write_one(query, (role_id, permission_id))

    def role_scopes(self, role_id: str) -> list[ApiScope]:
        """Return the scopes of a role.

        Raises:
            NotThere: there is no such role.
        """
        query = (
            "SELECT api_scopes.* FROM api_scopes JOIN role_scopes ON scope_id = id"
            " WHERE role_id = ? ORDER BY role_scopes.rowid"
        )
        with self.reading():
            self._check_role(role_id)
            return [ApiScope(**row) for row in self._all(query, (role_id,))]

    def add_role_scope(self, role_id: str, scope_id: str) -> None:
        """Give a role a scope of an API; once is enough.

        Raises:
            NotThere: there is no such role or scope.
        """
        self._write("INSERT OR IGNORE INTO role_scopes VALUES (?, ?)", (role_id, scope_id))

    def delete_role_scope(self, role_id: str, scope_id: str) -> None:
        """Take a scope from a role.

        Raises:
            NotThere: the role does not hold it.
        """
        query = "DELETE FROM role_scopes WHERE role_id = ? AND scope_id = ?"
        self._write_one(query, (role_id, scope_id))

    def _check_role(self, role_id: str) -> None:
        if self.role(role_id) is None:
            raise NotThere("there is no such role")


def _role(row: Row) -> Role:
    return Role(**row | {"is_default": bool(row["is_default"])})
