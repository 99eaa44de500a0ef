"""The device authorization endpoint (RFC 8628, section 3.1), at both paths that Kinde's pages name.

Source: Kinde, device authorization quick start (``/oauth2/device/auth``) and troubleshooting
(``/oauth2/v2/device_authorization``).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kinde_guard.local.client_authentication import authenticate
from kinde_guard.local.device_codes import INTERVAL, LIFETIME
from kinde_guard.local.form import Form, read_form
from kinde_guard.local.oauth_errors import NO_STORE, UnauthorizedClient
from kinde_guard.local.sign_in.authorization_request import read_scopes
from kinde_guard.local.store import ApplicationType
from kinde_guard.local.tenant import Tenant

PATHS: Final = ("/oauth2/device/auth", "/oauth2/v2/device_authorization")
DEVICE_TYPES: Final[frozenset[ApplicationType]] = frozenset({"device", "spa", "reg"})
"""The types of application whose people may sign in elsewhere."""


def device_authorization_routes(tenant: Tenant) -> APIRouter:
    """Return the routes of the device authorization endpoint."""
    router = APIRouter()

    async def authorize_device(request: Request) -> Response:
        form = await read_form(request)
        return JSONResponse(await run_in_threadpool(_begin, tenant, form), headers=NO_STORE)

    for path in PATHS:
        router.add_api_route(path, authorize_device, methods=["POST"])
    return router


def _begin(tenant: Tenant, form: Form) -> dict[str, object]:
    application = authenticate(tenant.store, form)
    if application.type not in DEVICE_TYPES:
        raise UnauthorizedClient("Applications of its type may not use this grant.")
    device = tenant.device_codes.add(
        client_id=application.client_id,
        scopes=read_scopes(tenant, form.words("scope")),
        audience=form.words("audience"),
        now=tenant.clock(),
    )
    page = f"{tenant.issuer}/device"
    return {
        "device_code": device.device_code,
        "user_code": device.user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?{urlencode({'user_code': device.user_code})}",
        "expires_in": LIFETIME,
        "interval": INTERVAL,
    }
