"""The Management API as one application, guarded by kinde_guard itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import httpx
from fastapi import FastAPI

from kinde_guard.guard import KindeGuard
from kinde_guard.local.management.api_keys import (
    api_key_item_operations,
    api_key_operations,
)
from kinde_guard.local.management.api_scopes import api_scope_operations
from kinde_guard.local.management.apis import api_operations
from kinde_guard.local.management.application_scopes import application_scope_operations
from kinde_guard.local.management.applications import (
    application_operations,
    application_token_operations,
)
from kinde_guard.local.management.coverage import not_implemented
from kinde_guard.local.management.envelope import error_schemas
from kinde_guard.local.management.error_handlers import add_error_handlers
from kinde_guard.local.management.not_implemented import not_implemented_operations
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.organizations import organization_operations
from kinde_guard.local.management.own_keys import FollowKeys, OwnKeys
from kinde_guard.local.management.permissions import permission_operations
from kinde_guard.local.management.refusals import InKindesWords
from kinde_guard.local.management.roles import (
    role_operations,
    role_permission_operations,
    role_scope_operations,
)
from kinde_guard.local.management.scope_policy import endpoint
from kinde_guard.local.management.users import user_operations
from kinde_guard.local.management.webhooks import event_operations, webhook_operations
from kinde_guard.local.management_audience import management_audiences

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant

SUBJECTS: Final[tuple[Callable[[Tenant], Operations], ...]] = (
    api_key_operations,
    api_key_item_operations,
    api_operations,
    api_scope_operations,
    application_scope_operations,
    application_operations,
    application_token_operations,
    organization_operations,
    user_operations,
    role_operations,
    role_scope_operations,
    role_permission_operations,
    permission_operations,
    webhook_operations,
    event_operations,
)


def management_app(tenant: Tenant) -> FastAPI:
    """Return the Management API of ``tenant``, to be mounted at ``/api/v1``.

    Every endpoint asks for the scope that Kinde's table gives it. The guard trusts the tenant's own
    keys, follows their rotation at once and makes no request; it needs no lifespan. The OpenAPI
    document lies at ``/openapi.json`` below the mount and needs no token.
    """
    app = FastAPI(
        title="Management API of local Kinde",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for operations in SUBJECTS:
        app.include_router(operations(tenant))
    app.include_router(not_implemented_operations(not_implemented()))
    add_error_handlers(app)
    keys = OwnKeys(tenant)
    _document_errors_as_answered(app)
    _guard(tenant, keys).install(app)
    # The one added last sees a request first.
    app.add_middleware(InKindesWords)
    app.add_middleware(FollowKeys, keys=keys)
    return app


def _guard(tenant: Tenant, keys: OwnKeys) -> KindeGuard:
    return KindeGuard(
        tenant.issuer,
        audience=management_audiences(tenant.issuer),
        public_paths=(endpoint("verifyApiKey").route,),
        clock=tenant.clock,
        monotonic=keys.monotonic,
        http_client=httpx.AsyncClient(transport=keys),
        jwks_cooldown=0,
        realm="local kinde",
    )


def _document_errors_as_answered(app: FastAPI) -> None:
    """Have the OpenAPI document show Kinde's errors, and not FastAPI's 422: here it is 400."""
    write: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        schema = write()
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        schemas = schema["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas.update(error_schemas())
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
