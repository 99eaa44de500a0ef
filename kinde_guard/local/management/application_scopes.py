"""The scopes that an application was granted on an API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinde_guard.local.management.api_scopes import existing_scope
from kinde_guard.local.management.envelope import Refused, Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.store import Store

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant


def application_scope_operations(tenant: Tenant) -> Operations:
    """Return the endpoints that grant and revoke scopes."""
    operations, store = Operations("Application scopes"), tenant.store

    @operations.operation("addAPIApplicationScope")
    def grant(api_id: str, application_id: str, scope_id: str) -> Success:
        with store.transaction():
            _check_grant(store, api_id, application_id, scope_id)
            store.grant(application_id, api_id, scope_id)
        return Success()

    @operations.operation("deleteAPIApplicationScope")
    def revoke(api_id: str, application_id: str, scope_id: str) -> Success:
        with store.transaction():
            _check_grant(store, api_id, application_id, scope_id)
            store.revoke_grant(application_id, api_id, scope_id)
        return Success()

    return operations


def _check_grant(store: Store, api_id: str, application_id: str, scope_id: str) -> None:
    existing_scope(store, api_id, scope_id)
    if not store.is_authorised(application_id, api_id):
        raise Refused("APPLICATION_NOT_AUTHORIZED", "The application is not authorized for the API")
