"""What the members of organizations hold there: roles, and permissions and API scopes directly."""

from __future__ import annotations

from kinde_guard.local.store.apis import ApiScope
from kinde_guard.local.store.roles import Permission, Role, Roles

_PERMISSIONS = """
SELECT permissions.* FROM permissions WHERE id IN (
    SELECT permission_id FROM member_permissions WHERE org_code = :org_code AND user_id = :user_id
    UNION
    SELECT permission_id FROM role_permissions JOIN member_roles USING (role_id)
    WHERE org_code = :org_code AND user_id = :user_id
) ORDER BY rowid
"""
_SCOPES = """
SELECT api_scopes.* FROM api_scopes WHERE id IN (
    SELECT scope_id FROM member_scopes WHERE org_code = :org_code AND user_id = :user_id
    UNION
    SELECT scope_id FROM role_scopes JOIN member_roles USING (role_id)
    WHERE org_code = :org_code AND user_id = :user_id
) ORDER BY rowid
"""


class MemberRights(Roles):
    """Roles, permissions and API scopes of the members of a tenant's organizations."""

    def member_roles(self, org_code: str, user_id: str) -> list[Role]:
        """Return the roles of a member, in the order in which they were given."""
        query = "SELECT role_id FROM member_roles WHERE org_code = ? AND user_id = ? ORDER BY rowid"
        with self.reading():
            ids = [row["role_id"] for row in self._all(query, (org_code, user_id))]
            return [role for role in map(self.role, ids) if role is not None]

    def member_permissions(self, org_code: str, user_id: str) -> list[Permission]:
        """Return the permissions of a member, by roles and directly, each once."""
        rows = self._all(_PERMISSIONS, {"org_code": org_code, "user_id": user_id})
        return [Permission(**row) for row in rows]

    def member_scopes(self, org_code: str, user_id: str) -> list[ApiScope]:
        """Return the API scopes of a member, by roles and directly, each once."""
        rows = self._all(_SCOPES, {"org_code": org_code, "user_id": user_id})
        return [ApiScope(**row) for row in rows]

    def direct_permission_ids(self, org_code: str, user_id: str) -> frozenset[str]:
        """Return the ids of the permissions that a member holds directly, roles aside."""
        query = "SELECT permission_id FROM member_permissions WHERE org_code = ? AND user_id = ?"
        rows = self._all(query, (org_code, user_id))
        return frozenset(row["permission_id"] for row in rows)

    def direct_scope_ids(self, org_code: str, user_id: str) -> frozenset[str]:
        """Return the ids of the API scopes that a member holds directly, roles aside."""
        query = "SELECT scope_id FROM member_scopes WHERE org_code = ? AND user_id = ?"
        rows = self._all(query, (org_code, user_id))
        return frozenset(row["scope_id"] for row in rows)

    def add_member_role(self, org_code: str, user_id: str, role_id: str) -> None:
        """Give a member a role; once is enough.

        Raises:
            NotThere: the user is no member, or there is no such role.
        """
        self._give("member_roles", org_code, user_id, role_id)

    def remove_member_role(self, org_code: str, user_id: str, role_id: str) -> None:
        """Take a role from a member.

        Raises:
            NotThere: the member does not hold it.
        """
        self._take("member_roles", "role_id", org_code, user_id, role_id)

    def add_member_permission(self, org_code: str, user_id: str, permission_id: str) -> None:
        """Give a member a permission directly; once is enough.

        Raises:
            NotThere: the user is no member, or there is no such permission.
        """
        self._give("member_permissions", org_code, user_id, permission_id)

    def remove_member_permission(self, org_code: str, user_id: str, permission_id: str) -> None:
        """Take a direct permission from a member.

        Raises:
            NotThere: the member does not hold it directly.
        """
        self._take("member_permissions", "permission_id", org_code, user_id, permission_id)

    def add_member_scope(self, org_code: str, user_id: str, scope_id: str) -> None:
        """Give a member a scope of an API directly; once is enough.

        Raises:
            NotThere: the user is no member, or there is no such scope.
        """
        self._give("member_scopes", org_code, user_id, scope_id)

    def remove_member_scope(self, org_code: str, user_id: str, scope_id: str) -> None:
        """Take a direct scope from a member.

        Raises:
            NotThere: the member does not hold it directly.
        """
        self._take("member_scopes", "scope_id", org_code, user_id, scope_id)

    def _give(self, table: str, *row: str) -> None:
        self._write(f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?)", row)  # noqa: S608

    def _take(self, table: str, column: str, *row: str) -> None:
        query = f"DELETE FROM {table} WHERE org_code = ? AND user_id = ? AND {column} = ?"  # noqa: S608
        self._write_one(query, row)
