"""Permissions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel

from kinde_guard.local.management.envelope import Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.paging import NextToken, Page, PageSize, by_token
from kinde_guard.local.management.texts import Body, Text, Title, Word
from kinde_guard.local.store import Permission

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant

PermissionSort = Literal["name_asc", "name_desc", "id_asc", "id_desc"] | None

PERMISSION_ORDERS: Final[Mapping[str, Callable[[Permission], str]]] = {
    "name": lambda permission: permission.name,
    "id": lambda permission: permission.id,
}


class NewPermission(Body):
    """A permission to register."""

    name: Title
    key: Word
    description: Text = ""


class PermissionUpdate(Body):
    """What is to change."""

    name: Title | None = None
    key: Word | None = None
    description: Text | None = None


class PermissionDetails(BaseModel):
    """A permission."""

    id: str
    key: str
    name: str
    description: str


class PermissionList(Success):
    """A page of permissions."""

    permissions: list[PermissionDetails]
    next_token: str | None = None


def permission_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of permissions."""
    operations, store = Operations("Permissions"), tenant.store

    @operations.operation("GetPermissions")
    def list_permissions(
        sort: PermissionSort = None, page_size: PageSize = 10, next_token: NextToken = None
    ) -> PermissionList:
        found, token = by_token(
            store.permissions(),
            Page(page_size, next_token, sort),
            orders=PERMISSION_ORDERS,
            id_of=lambda permission: permission.id,
        )
        return PermissionList(permissions=[shown(one) for one in found], next_token=token)

    @operations.operation("CreatePermission", status=201)
    def create_permission(body: NewPermission) -> Success:
        store.add_permission(body.key, body.name, body.description)
        return Success()

    @operations.operation("UpdatePermissions")
    def update_permission(permission_id: str, body: PermissionUpdate | None = None) -> Success:
        changes = body or PermissionUpdate()
        store.update_permission(permission_id, **changes.model_dump())
        return Success()

    @operations.operation("DeletePermission")
    def delete_permission(permission_id: str) -> Success:
        store.delete_permission(permission_id)
        return Success()

    return operations


def shown(permission: Permission) -> PermissionDetails:
    """Return a permission as answers show it."""
    return PermissionDetails(
        id=permission.id,
        key=permission.key,
        name=permission.name,
        description=permission.description,
    )
