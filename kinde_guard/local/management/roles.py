"""Roles, with the permissions and the scopes that they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field

from kinde_guard.local.management.api_scopes import ScopeDetails
from kinde_guard.local.management.envelope import Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.paging import NextToken, Page, PageSize, by_token
from kinde_guard.local.management.permissions import (
    PERMISSION_ORDERS,
    PermissionList,
    PermissionSort,
    shown,
)
from kinde_guard.local.management.texts import MAX_ITEMS, Body, Id, Text, Title, Word
from kinde_guard.local.store import NotThere, Role, Store

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant


class NewRole(Body):
    """A role to register."""

    name: Title
    key: Word
    description: Text = ""
    is_default_role: bool = False


class RoleUpdate(Body):
    """What a role becomes; name and key must be said again, as Kinde wants it."""

    name: Title
    key: Word
    description: Text | None = None
    is_default_role: bool | None = None


class RoleDetails(BaseModel):
    """A role."""

    id: str
    key: str
    name: str
    description: str
    is_default_role: bool


class RoleList(Success):
    """A page of roles."""

    roles: list[RoleDetails]
    next_token: str | None = None


class RoleAnswer(Success):
    """One role."""

    role: RoleDetails


class RoleId(BaseModel):
    """The id of a new role."""

    id: str


class RoleCreated(Success):
    """A role was registered."""

    role: RoleId


class RoleScope(ScopeDetails):
    """A scope that a role holds, and whose it is."""

    api_id: str


class RoleScopeList(Success):
    """The scopes of a role."""

    scopes: list[RoleScope]


class NewRoleScope(Body):
    """A scope for a role."""

    scope_id: Id


class PermissionChange(Body):
    """A permission to give, or with "delete" to take."""

    id: Id
    operation: Literal["delete"] | None = None


class PermissionChanges(Body):
    """Permissions to give or to take."""

    permissions: Annotated[list[PermissionChange], Field(max_length=MAX_ITEMS)]


class PermissionsChanged(Success):
    """Which permissions a role gained, and which it lost."""

    permissions_added: list[str]
    permissions_removed: list[str]


def role_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of roles."""
    operations, store = Operations("Roles"), tenant.store

    @operations.operation("GetRoles")
    def list_roles(
        sort: Literal["name_asc", "name_desc", "key_asc", "key_desc"] | None = None,
        page_size: PageSize = 10,
        next_token: NextToken = None,
    ) -> RoleList:
        found, token = by_token(
            store.roles(),
            Page(page_size, next_token, sort),
            orders={"name": lambda role: role.name, "key": lambda role: role.key},
            id_of=lambda role: role.id,
        )
        return RoleList(roles=[_details(role) for role in found], next_token=token)

    @operations.operation("CreateRole", status=201)
    def create_role(body: NewRole) -> RoleCreated:
        role = store.add_role(
            body.key, body.name, body.description, is_default=body.is_default_role
        )
        return RoleCreated(role=RoleId(id=role.id))

    @operations.operation("GetRole")
    def show_role(role_id: str) -> RoleAnswer:
        return RoleAnswer(role=_details(_existing(store, role_id)))

    @operations.operation("UpdateRoles", status=201)
    def update_role(role_id: str, body: RoleUpdate) -> Success:
        store.update_role(
            role_id,
            key=body.key,
            name=body.name,
            description=body.description,
            is_default=body.is_default_role,
        )
        return Success()

    @operations.operation("DeleteRole")
    def delete_role(role_id: str) -> Success:
        store.delete_role(role_id)
        return Success()

    return operations


def role_scope_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of a role's scopes."""
    operations, store = Operations("Role scopes"), tenant.store

    @operations.operation("GetRoleScopes")
    def list_scopes(role_id: str) -> RoleScopeList:
        held = store.role_scopes(role_id)
        return RoleScopeList(
            scopes=[
                RoleScope(id=one.id, key=one.key, description=one.description, api_id=one.api_id)
                for one in held
            ]
        )

    @operations.operation("AddRoleScope", status=201)
    def add_scope(role_id: str, body: NewRoleScope) -> Success:
        store.add_role_scope(role_id, body.scope_id)
        return Success(code="ROLE_SCOPE_ADDED", message="Scope added to role")

    @operations.operation("DeleteRoleScope")
    def delete_scope(role_id: str, scope_id: str) -> Success:
        store.delete_role_scope(role_id, scope_id)
        return Success(code="SCOPE_DELETED", message="Scope deleted from role")

    return operations


def role_permission_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of a role's permissions."""
    operations, store = Operations("Role permissions"), tenant.store

    @operations.operation("GetRolePermissions")
    def list_permissions(
        role_id: str,
        sort: PermissionSort = None,
        page_size: PageSize = 10,
        next_token: NextToken = None,
    ) -> PermissionList:
        found, token = by_token(
            store.role_permissions(role_id),
            Page(page_size, next_token, sort),
            orders=PERMISSION_ORDERS,
            id_of=lambda permission: permission.id,
        )
        return PermissionList(permissions=[shown(one) for one in found], next_token=token)

    @operations.operation("UpdateRolePermissions")
    def change_permissions(role_id: str, body: PermissionChanges) -> PermissionsChanged:
        with store.transaction():
            _existing(store, role_id)
            for change in body.permissions:
                _apply(store, role_id, change)
        return PermissionsChanged(
            permissions_added=[one.id for one in body.permissions if not one.operation],
            permissions_removed=[one.id for one in body.permissions if one.operation],
        )

    @operations.operation("RemoveRolePermission")
    def remove_permission(role_id: str, permission_id: str) -> Success:
        store.delete_role_permission(role_id, permission_id)
        return Success()

    return operations


def _existing(store: Store, role_id: str) -> Role:
    role = store.role(role_id)
    if role is None:
        raise NotThere("there is no such role")
    return role


def _apply(store: Store, role_id: str, change: PermissionChange) -> None:
    if change.operation == "delete":
        store.delete_role_permission(role_id, change.id)
    else:
        store.add_role_permission(role_id, change.id)


def _details(role: Role) -> RoleDetails:
    return RoleDetails(
        id=role.id,
        key=role.key,
        name=role.name,
        description=role.description,
        is_default_role=role.is_default,
    )
