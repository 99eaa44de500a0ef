"""The scopes of an API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from kinde_guard.local.management.apis import changeable_api, existing_api
from kinde_guard.local.management.envelope import Refused, Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.texts import Body, Text, Word
from kinde_guard.local.store import ApiScope, Store

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant


class NewScope(Body):
    """A scope to add. Its name never changes afterwards."""

    key: Word
    description: Text = ""


class ScopeChange(Body):
    """A new description."""

    description: Text | None = None


class ScopeDetails(BaseModel):
    """A scope of an API."""

    id: str
    key: str
    description: str


class ScopeList(Success):
    """The scopes of an API."""

    scopes: list[ScopeDetails]


class ScopeAnswer(Success):
    """One scope."""

    scope: ScopeDetails


class ScopeId(BaseModel):
    """The id of a new scope."""

    id: str


class ScopeCreated(Success):
    """A scope was added."""

    scope: ScopeId


def api_scope_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of an API's scopes."""
    operations, store = Operations("API scopes"), tenant.store

    @operations.operation("getAPIScopes")
    def list_scopes(api_id: str) -> ScopeList:
        return ScopeList(scopes=[details(one) for one in existing_api(store, api_id).scopes])

    @operations.operation("addAPIScope")
    def add_scope(api_id: str, body: NewScope) -> ScopeCreated:
        with store.transaction():
            changeable_api(store, api_id)
            scope_id = store.add_scope(api_id, body.key, body.description)
        return ScopeCreated(scope=ScopeId(id=scope_id))

    @operations.operation("getAPIScope")
    def show_scope(api_id: str, scope_id: str) -> ScopeAnswer:
        return ScopeAnswer(scope=details(existing_scope(store, api_id, scope_id)))

    @operations.operation("updateAPIScope")
    def update_scope(api_id: str, scope_id: str, body: ScopeChange) -> Success:
        with store.transaction():
            changeable_api(store, api_id)
            existing_scope(store, api_id, scope_id)
            if body.description is not None:
                store.update_scope(api_id, scope_id, body.description)
        return Success()

    @operations.operation("deleteAPIScope")
    def delete_scope(api_id: str, scope_id: str) -> Success:
        with store.transaction():
            changeable_api(store, api_id)
            existing_scope(store, api_id, scope_id)
            store.delete_scope(api_id, scope_id)
        return Success()

    return operations


def details(scope: ApiScope) -> ScopeDetails:
    """Return a scope as answers show it."""
    return ScopeDetails(id=scope.id, key=scope.key, description=scope.description)


def existing_scope(store: Store, api_id: str, scope_id: str) -> ApiScope:
    """Return that scope of that API, or raise ``Refused``."""
    existing_api(store, api_id)
    scope = store.scope(api_id, scope_id)
    if scope is None:
        raise Refused("SCOPE_NOT_FOUND", "The API has no scope of that id")
    return scope
