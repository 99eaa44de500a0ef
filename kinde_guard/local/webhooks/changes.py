"""Which events the changes of a tenant's rows amount to.

What is compared is what the events show, before and after: so every way of changing a user is an
event, whichever endpoint or page did it.

Source: Kinde, "About webhooks"; the types of Kinde's ``@kinde/webhooks``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kinde_guard.local.store import Organization, Permission, Role, Store, User

State = Mapping[tuple[str, str], Mapping[str, Any]]
"""What is shown of each subject, by its kind and id."""


def state_of(store: Store) -> State:
    """Return what events show of everything that has events."""
    with store.reading():
        subjects = [
            *(("user", user.id, _user(user)) for user in store.users()),
            *(("organization", each.code, _organization(each)) for each in store.organizations()),
            *(("role", role.id, _role(role)) for role in store.roles()),
            *(("permission", each.id, _permission(each)) for each in store.permissions()),
        ]
    return {(kind, name): shown for kind, name, shown in subjects}


def changes(before: State, after: State) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the type and the data of each event between two states.

    Example:
        >>> list(changes({("user", "kp_1"): {"id": "kp_1"}}, {}))
        [('user.deleted', {'user': {'id': 'kp_1'}})]
    """
    for (kind, name), shown in after.items():
        known = before.get((kind, name))
        if known != shown:
            happened = "created" if known is None else "updated"
            yield f"{kind}.{happened}", {kind: shown}
    for kind, name in before.keys() - after.keys():
        yield f"{kind}.deleted", {kind: {"code" if kind == "organization" else "id": name}}


def _user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "username": user.username,
        "phone": user.phone,
        "is_suspended": user.is_suspended,
        "is_password_reset_requested": False,
        "organizations": [
            {"code": code, "roles": None, "permissions": None} for code in user.organizations
        ],
    }


def _organization(organization: Organization) -> dict[str, Any]:
    return {
        "code": organization.code,
        "name": organization.name,
        "handle": organization.handle,
        "external_id": organization.external_id,
    }


def _role(role: Role) -> dict[str, Any]:
    return {
        "id": role.id,
        "key": role.key,
        "name": role.name,
        "description": role.description,
        "is_default_role": role.is_default,
    }


def _permission(permission: Permission) -> dict[str, Any]:
    return {
        "id": permission.id,
        "key": permission.key,
        "name": permission.name,
        "description": permission.description,
    }
