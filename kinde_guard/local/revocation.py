"""``POST /oauth2/revoke``: a client takes back a token of its own (RFC 7009).

A token that is unknown, expired or revoked already is answered with 200 too: what the client
wanted is so. Kinde's 400 here has another shape than elsewhere, a list of ``errors``.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kinde_guard.local.active_token import read_active
from kinde_guard.local.client_authentication import authenticate
from kinde_guard.local.form import Form, read_form
from kinde_guard.local.oauth_errors import (
    NO_STORE,
    InvalidClient,
    InvalidForm,
    OAuthError,
    UnauthorizedClient,
)
from kinde_guard.local.tenant import Tenant
from kinde_guard.local.user_tokens import revoke_refresh_token


def revocation_routes(tenant: Tenant) -> APIRouter:
    """Return the route of the revocation endpoint."""
    router = APIRouter()

    @router.post("/oauth2/revoke")
    async def revoke(request: Request) -> Response:
        try:
            form = await read_form(request)
            await run_in_threadpool(_revoke, tenant, form)
        except InvalidClient:
            raise
        except OAuthError as error:
            return _answer_errors(error)
        return Response(headers=NO_STORE)

    return router


def _revoke(tenant: Tenant, form: Form) -> None:
    client = authenticate(tenant.store, form)
    raw = form.one("token")
    if not raw:
        raise InvalidForm("Request parameter 'token' is missing.")
    if revoke_refresh_token(tenant, client, raw):
        return
    token = read_active(tenant, raw)
    if token is None:
        return
    if token.client_id != client.client_id:
        raise UnauthorizedClient("The token was issued to another application.")
    tenant.store.revoke(token.token_id, expires_at=token.expires_at, now=tenant.clock())


def _answer_errors(error: OAuthError) -> JSONResponse:
    body = {"errors": [{"code": error.error, "message": error.description}]}
    return JSONResponse(body, error.status, NO_STORE)
