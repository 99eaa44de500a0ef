"""The tenant that every new local Kinde starts with: one API and two machine applications."""

from __future__ import annotations

from typing import Final

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


def seed(store: Store) -> None:
    """Fill an empty store; leave one that holds anything as it is."""
    with store.transaction():
        if store.is_new:
            _fill(store)


def _fill(store: Store) -> None:
    api_id = store.add_api(API_NAME, AUDIENCE)
    scope_ids = {key: store.add_scope(api_id, key, text) for key, text in SCOPES.items()}
    for name, granted in APPLICATIONS.items():
        application = store.add_application(name)
        store.authorise(application.client_id, api_id)
        for key in granted:
            store.grant(application.client_id, api_id, scope_ids[key])
