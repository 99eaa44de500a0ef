"""Users: a list with filters, and one at a time, without an envelope."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from kinde_guard.local.management.envelope import Refused, Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.paging import ItemId, NextToken, Page, PageSize, by_token
from kinde_guard.local.management.texts import MAX_ITEMS, Body, Id, Line, Title, date_time
from kinde_guard.local.store import Store, User

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant

IdentityType = Literal["email", "phone", "username"]
Filter = Annotated[str | None, Query(max_length=255)]


class Profile(Body):
    """How a new user is called."""

    given_name: Line | None = None
    family_name: Line | None = None
    picture: Line | None = None


class IdentityDetails(Body):
    """What a user signs in with."""

    email: Title | None = None
    phone: Title | None = None
    username: Title | None = None


class NewIdentity(Body):
    """One way to sign in."""

    type: IdentityType
    details: IdentityDetails


class NewUser(Body):
    """A user to register."""

    profile: Profile = Profile()
    organization_code: Id | None = None
    provided_id: Line | None = None
    identities: Annotated[list[NewIdentity], Field(max_length=MAX_ITEMS)] = Field(
        default_factory=list
    )


class UserUpdate(Body):
    """What is to change."""

    given_name: Line | None = None
    family_name: Line | None = None
    picture: Line | None = None
    is_suspended: bool | None = None
    is_password_reset_requested: bool | None = None
    provided_id: Line | None = None


class Identity(BaseModel):
    """One way in which a user signs in."""

    type: str
    identity: str


class UserSummary(BaseModel):
    """A user in a list."""

    id: str
    provided_id: str | None
    email: str | None
    phone: str | None
    username: str | None
    last_name: str | None
    first_name: str | None
    is_suspended: bool
    picture: str | None
    total_sign_ins: int | None = None
    failed_sign_ins: int | None = None
    last_signed_in: datetime | None = None
    created_on: datetime
    organizations: list[str] | None = None
    identities: list[Identity] | None = None


class UserDetails(BaseModel):
    """One user."""

    id: str
    provided_id: str | None
    preferred_email: str | None
    phone: str | None
    username: str | None
    last_name: str | None
    first_name: str | None
    is_suspended: bool
    picture: str | None
    total_sign_ins: int | None = None
    failed_sign_ins: int | None = None
    last_signed_in: datetime | None = None
    created_on: datetime
    organizations: list[str] | None = None
    identities: list[Identity] | None = None


class UserList(Success):
    """A page of users."""

    users: list[UserSummary]
    next_token: str | None = None


class IdentityResult(BaseModel):
    """Whether an identity was made."""

    created: bool = True


class IdentityCreated(BaseModel):
    """An identity of a new user."""

    type: str
    result: IdentityResult = IdentityResult()


class UserCreated(BaseModel):
    """A user was registered."""

    id: str
    created: bool = True
    identities: list[IdentityCreated]


class UserUpdated(BaseModel):
    """A user after a change."""

    id: str
    given_name: str | None
    family_name: str | None
    email: str | None
    is_suspended: bool
    is_password_reset_requested: bool
    picture: str | None


def user_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of users."""
    operations, store = Operations("Users"), tenant.store

    @operations.operation("getUsers")
    def list_users(
        page_size: PageSize = 10,
        user_id: ItemId = None,
        next_token: NextToken = None,
        email: Filter = None,
        username: Filter = None,
        phone: Filter = None,
        expand: Filter = None,
        has_organization: bool | None = None,
    ) -> UserList:
        wanted = {"id": user_id, "email": email, "username": username, "phone": phone}
        users = [user for user in store.users() if _matches(user, wanted, has_organization)]
        found, token = by_token(
            users,
            Page(page_size, next_token),
            orders={"id": lambda user: user.id},
            id_of=lambda user: user.id,
        )
        return UserList(users=[_summary(one, expand) for one in found], next_token=token)

    @operations.operation("getUserData")
    def show_user(
        id: Annotated[str, Query(max_length=255)],  # noqa: A002 - Kinde's name for it
        expand: Filter = None,
    ) -> UserDetails:
        return _details(_existing(store, id), expand)

    @operations.operation("createUser")
    def create_user(body: NewUser | None = None) -> UserCreated:
        return _create(tenant, body or NewUser())

    @operations.operation("updateUser")
    def update_user(
        id: Annotated[str, Query(max_length=255)],  # noqa: A002 - Kinde's name for it
        body: UserUpdate,
    ) -> UserUpdated:
        with store.transaction():
            _existing(store, id)
            store.update_user(
                id,
                first_name=body.given_name,
                last_name=body.family_name,
                picture=body.picture,
                is_suspended=body.is_suspended,
                provided_id=body.provided_id,
            )
            return _updated(_existing(store, id), body)

    @operations.operation("deleteUser")
    def delete_user(
        id: Annotated[str, Query(max_length=255)],  # noqa: A002 - Kinde's name for it
        is_delete_profile: bool = False,  # noqa: ARG001 - there is one profile
    ) -> Success:
        with store.transaction():
            _existing(store, id)
            store.delete_user(id)
        return Success()

    return operations


def _existing(store: Store, user_id: str) -> User:
    user = store.user(user_id)
    if user is None:
        raise Refused("USER_NOT_FOUND", "There is no user of that id")
    return user


def _matches(user: User, wanted: dict[str, str | None], in_one: bool | None) -> bool:
    same = all(value is None or getattr(user, name) == value for name, value in wanted.items())
    return same and (in_one is None or bool(user.organizations) == in_one)


def _create(tenant: Tenant, body: NewUser) -> UserCreated:
    store, identities = tenant.store, _identities(body)
    with store.transaction():
        user = store.add_user(
            email=identities.get("email"),
            phone=identities.get("phone"),
            username=identities.get("username"),
            first_name=body.profile.given_name,
            last_name=body.profile.family_name,
            picture=body.profile.picture,
            provided_id=body.provided_id,
            created_on=tenant.clock(),
        )
        if body.organization_code is not None:
            store.add_member(body.organization_code, user.id)
    made = [IdentityCreated(type=identity.type) for identity in body.identities]
    return UserCreated(id=user.id, identities=made)


def _identities(body: NewUser) -> dict[IdentityType, str]:
    found: dict[IdentityType, str] = {}
    for identity in body.identities:
        value = getattr(identity.details, identity.type)
        if value is None:
            raise Refused("INVALID_REQUEST", "The details of an identity lack what its type names")
        if identity.type in found:
            raise Refused("INVALID_REQUEST", "Local Kinde keeps one identity of each type")
        found[identity.type] = value
    return found


def _expanded(user: User, expand: str | None) -> dict[str, object]:
    asked = {word.strip() for word in (expand or "").split(",")}
    identities = {"email": user.email, "phone": user.phone, "username": user.username}
    shown: dict[str, object] = {
        "organizations": list(user.organizations),
        "identities": [
            Identity(type=name, identity=value) for name, value in identities.items() if value
        ],
    }
    return {name: value for name, value in shown.items() if name in asked}


def _summary(user: User, expand: str | None) -> UserSummary:
    return UserSummary.model_validate({"email": user.email, **_shared(user, expand)})


def _details(user: User, expand: str | None) -> UserDetails:
    return UserDetails.model_validate({"preferred_email": user.email, **_shared(user, expand)})


def _shared(user: User, expand: str | None) -> dict[str, object]:
    return {
        "id": user.id,
        "provided_id": user.provided_id,
        "phone": user.phone,
        "username": user.username,
        "last_name": user.last_name,
        "first_name": user.first_name,
        "is_suspended": user.is_suspended,
        "picture": user.picture,
        "created_on": date_time(user.created_on),
        **_expanded(user, expand),
    }


def _updated(user: User, body: UserUpdate) -> UserUpdated:
    return UserUpdated(
        id=user.id,
        given_name=user.first_name,
        family_name=user.last_name,
        email=user.email,
        is_suspended=user.is_suspended,
        is_password_reset_requested=bool(body.is_password_reset_requested),
        picture=user.picture,
    )
