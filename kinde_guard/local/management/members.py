"""The members of organizations, and the roles, permissions and API scopes that they hold there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field

from kinde_guard.local.management.envelope import Refused, Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.paging import NextToken, Page, PageSize, by_token
from kinde_guard.local.management.texts import MAX_ITEMS, Body, Id, Word
from kinde_guard.local.store import Store, User

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant


class NewMember(Body):
    """A user to add, with the keys of roles and permissions."""

    id: Id
    roles: Annotated[list[Word], Field(max_length=MAX_ITEMS)] = Field(default_factory=list)
    permissions: Annotated[list[Word], Field(max_length=MAX_ITEMS)] = Field(default_factory=list)


class NewMembers(Body):
    """Users to add."""

    users: Annotated[list[NewMember], Field(max_length=MAX_ITEMS)] = Field(default_factory=list)


class MembersAdded(Success):
    """The ids of the users that were added."""

    users_added: list[str]


class Member(BaseModel):
    """A member of an organization."""

    id: str
    email: str | None
    full_name: str
    last_name: str | None
    first_name: str | None
    picture: str | None
    roles: list[str]


class MemberList(Success):
    """A page of members."""

    organization_users: list[Member]
    next_token: str | None = None


class MemberRole(BaseModel):
    """A role that a member holds."""

    id: str
    key: str
    name: str


class MemberRoleList(Success):
    """A page of a member's roles."""

    roles: list[MemberRole]
    next_token: str | None = None


class MemberPermission(BaseModel):
    """A permission that a member holds, by roles or directly."""

    id: str
    key: str
    name: str
    description: str
    roles: list[str]
    """The ids of the member's roles that hold it."""


class MemberPermissionList(Success):
    """A page of a member's permissions."""

    permissions: list[MemberPermission]
    next_token: str | None = None


class GivenRole(Body):
    """A role to give."""

    role_id: Id


class GivenPermission(Body):
    """A permission to give."""

    permission_id: Id


def member_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of an organization's users."""
    operations, store = Operations("Organization users"), tenant.store

    @operations.operation("GetOrganizationUsers")
    def list_members(
        org_code: str, page_size: PageSize = 10, next_token: NextToken = None
    ) -> MemberList:
        with store.reading():
            _check_organization(store, org_code)
            members = store.members(org_code)
            found, token = by_token(
                members,
                Page(page_size, next_token),
                orders={"id": lambda user: user.id},
                id_of=lambda user: user.id,
            )
            shown = [_member(store, org_code, user) for user in found]
        return MemberList(organization_users=shown, next_token=token)

    @operations.operation("AddOrganizationUsers")
    def add_members(org_code: str, body: NewMembers | None = None) -> MembersAdded:
        with store.transaction():
            _check_organization(store, org_code)
            added = (body or NewMembers()).users
            for member in added:
                _add_member(store, org_code, member)
        return MembersAdded(users_added=[member.id for member in added])

    @operations.operation("RemoveOrganizationUser")
    def remove_member(org_code: str, user_id: str) -> Success:
        store.remove_member(org_code, user_id)
        return Success()

    return operations


def member_role_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of a member's roles."""
    operations, store = Operations("Organization users"), tenant.store

    @operations.operation("GetOrganizationUserRoles")
    def list_roles(org_code: str, user_id: str) -> MemberRoleList:
        with store.reading():
            _check_member(store, org_code, user_id)
            roles = store.member_roles(org_code, user_id)
        return MemberRoleList(
            roles=[MemberRole(id=role.id, key=role.key, name=role.name) for role in roles]
        )

    @operations.operation("CreateOrganizationUserRole")
    def give_role(org_code: str, user_id: str, body: GivenRole) -> Success:
        store.add_member_role(org_code, user_id, body.role_id)
        return Success()

    @operations.operation("DeleteOrganizationUserRole")
    def take_role(org_code: str, user_id: str, role_id: str) -> Success:
        store.remove_member_role(org_code, user_id, role_id)
        return Success()

    return operations


def member_permission_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of a member's permissions and API scopes."""
    operations, store = Operations("Organization users"), tenant.store

    @operations.operation("GetOrganizationUserPermissions")
    def list_permissions(org_code: str, user_id: str) -> MemberPermissionList:
        with store.reading():
            _check_member(store, org_code, user_id)
            return MemberPermissionList(permissions=_permissions(store, org_code, user_id))

    @operations.operation("CreateOrganizationUserPermission")
    def give_permission(org_code: str, user_id: str, body: GivenPermission) -> Success:
        store.add_member_permission(org_code, user_id, body.permission_id)
        return Success()

    @operations.operation("DeleteOrganizationUserPermission")
    def take_permission(org_code: str, user_id: str, permission_id: str) -> Success:
        store.remove_member_permission(org_code, user_id, permission_id)
        return Success()

    @operations.operation("addOrganizationUserAPIScope", status=201)
    def give_scope(org_code: str, user_id: str, api_id: str, scope_id: str) -> Success:
        with store.transaction():
            _check_scope(store, api_id, scope_id)
            store.add_member_scope(org_code, user_id, scope_id)
        return Success()

    @operations.operation("deleteOrganizationUserAPIScope")
    def take_scope(org_code: str, user_id: str, api_id: str, scope_id: str) -> Success:
        with store.transaction():
            _check_scope(store, api_id, scope_id)
            store.remove_member_scope(org_code, user_id, scope_id)
        return Success()

    return operations


def _check_organization(store: Store, org_code: str) -> None:
    if store.organization(org_code) is None:
        raise Refused("ORGANIZATION_NOT_FOUND", "There is no organization of that code")


def _check_member(store: Store, org_code: str, user_id: str) -> None:
    user = store.user(user_id)
    if user is None or org_code not in user.organizations:
        raise Refused("USER_NOT_FOUND", "The organization has no user of that id")


def _check_scope(store: Store, api_id: str, scope_id: str) -> None:
    if store.scope(api_id, scope_id) is None:
        raise Refused("SCOPE_NOT_FOUND", "The API has no scope of that id")


def _add_member(store: Store, org_code: str, member: NewMember) -> None:
    roles = {role.key: role.id for role in store.roles()}
    permissions = {permission.key: permission.id for permission in store.permissions()}
    store.add_member(org_code, member.id)
    for key in member.roles:
        if key not in roles:
            raise Refused("ROLE_NOT_FOUND", "There is no role of that key")
        store.add_member_role(org_code, member.id, roles[key])
    for key in member.permissions:
        if key not in permissions:
            raise Refused("PERMISSION_NOT_FOUND", "There is no permission of that key")
        store.add_member_permission(org_code, member.id, permissions[key])


def _member(store: Store, org_code: str, user: User) -> Member:
    names = [name for name in (user.first_name, user.last_name) if name]
    return Member(
        id=user.id,
        email=user.email,
        full_name=" ".join(names),
        last_name=user.last_name,
        first_name=user.first_name,
        picture=user.picture,
        roles=[role.key for role in store.member_roles(org_code, user.id)],
    )


def _permissions(store: Store, org_code: str, user_id: str) -> list[MemberPermission]:
    holders: dict[str, list[str]] = {}
    for role in store.member_roles(org_code, user_id):
        for permission in store.role_permissions(role.id):
            holders.setdefault(permission.id, []).append(role.id)
    return [
        MemberPermission(
            id=permission.id,
            key=permission.key,
            name=permission.name,
            description=permission.description,
            roles=holders.get(permission.id, []),
        )
        for permission in store.member_permissions(org_code, user_id)
    ]
