"""The ASGI application of local Kinde: the routes of a tenant, in one place."""

from __future__ import annotations

from threading import Lock
from typing import Final, cast

from fastapi import FastAPI
from starlette.types import ExceptionHandler

from kinde_guard.local.console import OnlyServedHosts, console_routes
from kinde_guard.local.discovery import discovery_routes
from kinde_guard.local.faulty_answers import PlayFaults
from kinde_guard.local.introspection import introspection_routes
from kinde_guard.local.management import management_app
from kinde_guard.local.oauth_errors import OAuthError, answer_error
from kinde_guard.local.paths import CollapseSlashes
from kinde_guard.local.request_counts import CountRequests
from kinde_guard.local.revocation import revocation_routes
from kinde_guard.local.tenant import Tenant
from kinde_guard.local.token_endpoint import token_routes
from kinde_guard.local.webhooks.observing import SendEvents

_building: Final = Lock()
"""Held while routes are made, in which FastAPI changes the warning filters of the whole process and
pydantic completes models that all applications share: two at a time would spoil each other's."""


def create_app(tenant: Tenant) -> FastAPI:
    """Return the application that serves ``tenant``, for a server of your own.

    ``LocalKinde`` does all of this by itself. Serve the application at exactly the tenant's issuer,
    on loopback. The tenant is yours to close.

    Example:
        >>> from kinde_guard.local import Tenant, create_app
        >>> with Tenant.open("http://127.0.0.1:8787") as tenant:
        ...     app = create_app(tenant)
        >>> app.title
        'Local Kinde'
    """
    app = FastAPI(title="Local Kinde", openapi_url=None, redirect_slashes=False)
    with _building:
        for routes in (discovery_routes, token_routes, introspection_routes, revocation_routes):
            app.include_router(routes(tenant))
        app.mount("/api/v1", management_app(tenant))
        app.router.routes.extend(console_routes(tenant))
    app.add_exception_handler(OAuthError, cast("ExceptionHandler", answer_error))
    # The one added last sees a request first.
    app.add_middleware(SendEvents, tenant=tenant)
    app.add_middleware(PlayFaults, faults=tenant.faults)
    app.add_middleware(CountRequests, counts=tenant.requests)
    app.add_middleware(CollapseSlashes)
    app.add_middleware(OnlyServedHosts, issuer=tenant.issuer)
    return app
