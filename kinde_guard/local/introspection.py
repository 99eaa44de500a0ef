"""``POST /oauth2/introspect``: is this token active? Members as Kinde's frontend API has them.

The caller shows an access token of its own as bearer token. Kinde answers ``active``, ``aud``,
``client_id``, ``exp`` and ``iat``; there is no scope and no subject. Of a token that is not active
nothing else is said (RFC 7662, section 2.2).
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kinde_guard.local.active_token import ActiveToken, read_active
from kinde_guard.local.bearer import bearer_of
from kinde_guard.local.form import read_form
from kinde_guard.local.oauth_errors import NO_STORE, InvalidBearer, InvalidForm
from kinde_guard.local.tenant import Tenant


def introspection_routes(tenant: Tenant) -> APIRouter:
    """Return the route of the introspection endpoint."""
    router = APIRouter()

    @router.post("/oauth2/introspect")
    async def introspect(request: Request) -> Response:
        if await run_in_threadpool(read_active, tenant, bearer_of(request)) is None:
            raise InvalidBearer
        raw = (await read_form(request)).one("token")
        if not raw:
            raise InvalidForm("Request parameter 'token' is missing.")
        token = await run_in_threadpool(read_active, tenant, raw)
        return JSONResponse(_answer(token), headers=NO_STORE)

    return router


def _answer(token: ActiveToken | None) -> dict[str, object]:
    if token is None:
        return {"active": False}
    return {
        "active": True,
        "aud": token.audience,
        "client_id": token.client_id,
        "exp": token.expires_at,
        "iat": token.issued_at,
    }
