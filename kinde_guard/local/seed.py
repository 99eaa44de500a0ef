"""The tenant that every new local Kinde starts with: small, and like one that people have.

One API with two machine applications, the Management API with an application that may do anything
there, a website, and an organization with a few users in three roles.
"""

from __future__ import annotations

from typing import Final

from kinde_guard.local.management.scope_policy import scopes as management_scopes
from kinde_guard.local.store import Store

API_NAME: Final = "Users API"
AUDIENCE: Final = "https://api.demo.example"

SCOPES: Final = {
    "read:users": "See users",
    "create:users": "Add users",
    "update:users": "Change users",
    "delete:users": "Remove users",
    "read:roles": "See roles",
    "update:roles": "Change roles",
}
"""The scopes of the API, with their descriptions."""

APPLICATIONS: Final = {
    "Back office": tuple(SCOPES),
    "Reporting": ("read:users", "read:roles"),
}
"""The machine applications, with the scopes that each was granted."""

MANAGEMENT_API: Final = "Kinde Management API"
MANAGEMENT_APPLICATION: Final = "Management"
WEBSITE: Final = "Website"

ORGANIZATION: Final = ("org_1ccfb819462", "Analytical Engines")
"""Code and name."""

PERMISSIONS: Final = {
    "manage:members": "Invite and remove people",
    "view:reports": "Open reports",
}
ROLES: Final = {
    "admin": ("Administrator", tuple(PERMISSIONS), tuple(SCOPES)),
    "analyst": ("Analyst", ("view:reports",), ("read:users", "read:roles")),
    "guest": ("Guest", (), ()),
}
"""By their keys: the name, the permissions and the scopes of each role."""

USERS: Final = (
    ("Ada", "Lovelace", "ada@example.com"),
    ("Charles", "Babbage", "charles@example.com"),
    ("Mary", "Somerville", "mary@example.com"),
)


def seed(store: Store) -> None:
    """Fill an empty store; leave one that holds anything as it is."""
    with store.transaction():
        if store.is_new:
            _fill(store)


def _fill(store: Store) -> None:
    api_id = store.add_api(API_NAME, AUDIENCE)
    scope_ids = {key: store.add_scope(api_id, key, text) for key, text in SCOPES.items()}
    for name, granted in APPLICATIONS.items():
        _add_machine(store, name, api_id, [scope_ids[key] for key in granted])
    management_id = store.add_api(MANAGEMENT_API, "", is_management_api=True)
    every = [store.add_scope(management_id, key) for key in management_scopes()]
    _add_machine(store, MANAGEMENT_APPLICATION, management_id, every)
    store.add_application(WEBSITE, type="reg")
    _add_people(store, scope_ids)


def _add_machine(store: Store, name: str, api_id: str, scope_ids: list[str]) -> None:
    application = store.add_application(name)
    store.authorise(application.client_id, api_id)
    store.replace_grants(application.client_id, api_id, scope_ids)


def _add_people(store: Store, scope_ids: dict[str, str]) -> None:
    code, name = ORGANIZATION
    store.add_organization(name, code=code, is_default=True)
    for first_name, last_name, email in USERS:
        user = store.add_user(email=email, first_name=first_name, last_name=last_name)
        store.add_member(code, user.id)
    permissions = {key: store.add_permission(key, text).id for key, text in PERMISSIONS.items()}
    for key, (title, held, granted) in ROLES.items():
        role = store.add_role(key, title)
        for permission in held:
            store.add_role_permission(role.id, permissions[permission])
        for scope in granted:
            store.add_role_scope(role.id, scope_ids[scope])
