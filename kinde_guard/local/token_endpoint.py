"""``POST /oauth2/token``: tokens for machines, and for people who signed in.

A machine gets all granted scopes or a chosen subset. What it asks for is decided in one order: the
grant, the client, the audience, the scopes. The
``aud`` of a token holds the words in which it was asked for, so that the client finds them there,
whichever spelling of the Management API's audience it uses. Source: RFC 6749, section 4.4, and
Kinde's pages on machine-to-machine tokens and their errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kinde_guard.local.claims import Validity, machine_claims
from kinde_guard.local.client_authentication import authenticate
from kinde_guard.local.device_authorization import DEVICE_TYPES
from kinde_guard.local.form import Form, read_form
from kinde_guard.local.management_audience import spellings
from kinde_guard.local.oauth_errors import (
    NO_STORE,
    InvalidForm,
    InvalidGrant,
    InvalidScope,
    UnauthorizedClient,
    UnsupportedGrantType,
    quoted,
)
from kinde_guard.local.store import Application, ApplicationType
from kinde_guard.local.tenant import Tenant
from kinde_guard.local.user_tokens import answer, redeem_code, redeem_refresh_token

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"

GRANT_TYPES: Final[Mapping[str, frozenset[ApplicationType]]] = {
    "client_credentials": frozenset({"m2m"}),
    "authorization_code": frozenset({"spa", "reg"}),
    "refresh_token": frozenset({"spa", "reg", "device"}),
    DEVICE_GRANT: DEVICE_TYPES,
}
"""The grants that are served, each with the types of application that may use it."""


@dataclass(frozen=True)
class Grant:
    """What a token request was found to be entitled to."""

    application: Application
    audience: tuple[str, ...]
    scopes: tuple[str, ...]


def token_routes(tenant: Tenant) -> APIRouter:
    """Return the route of the token endpoint."""
    router = APIRouter()

    @router.post("/oauth2/token")
    async def token(request: Request) -> Response:
        form = await read_form(request)
        answer = await run_in_threadpool(_answer, tenant, form)
        return JSONResponse(answer, headers=NO_STORE)

    return router


def _answer(tenant: Tenant, form: Form) -> dict[str, object]:
    if form.one("grant_type") == "client_credentials":
        return issue(tenant, decide(tenant, form))
    application = _check_client(tenant, form)
    return PEOPLE[form.one("grant_type")](tenant, application, form)


def _check_client(tenant: Tenant, form: Form) -> Application:
    allowed_types = _application_types(form.one("grant_type"))
    application = authenticate(tenant.store, form)
    if application.type not in allowed_types:
        raise UnauthorizedClient("Applications of its type may not use this grant.")
    return application


def decide(tenant: Tenant, form: Form) -> Grant:
    """Return what a machine's request may have, or raise an ``OAuthError``."""
    application = _check_client(tenant, form)
    audience = form.words("audience")
    held = _held_scopes(application, audience, spellings(tenant.issuer))
    asked = form.words("scope")
    for scope in asked:
        if scope not in held:
            raise InvalidScope(f"The application was not granted the scope{quoted(scope)}.")
    # Asking for nothing in particular is asking for everything.
    return Grant(application, audience, asked or held)


def issue(tenant: Tenant, grant: Grant) -> dict[str, object]:
    """Sign a token for ``grant`` and return the answer of the token endpoint."""
    application = grant.application
    claims = machine_claims(
        tenant.issuer,
        Validity.starting(tenant.clock(), application.token_lifetime),
        client_id=application.client_id,
        audience=grant.audience,
        scopes=grant.scopes,
        org_code=application.org_code,
    )
    return {
        "access_token": tenant.keys.sign(claims),
        "expires_in": application.token_lifetime,
        "scope": " ".join(grant.scopes),
        "token_type": "bearer",
    }


def _redeem_device_code(tenant: Tenant, application: Application, form: Form) -> dict[str, object]:
    """Answer the device's question (RFC 8628, section 3.4)."""
    code = form.one("device_code")
    if not code:
        raise InvalidForm("Request parameter 'device_code' is missing.")
    sign_in_id = tenant.device_codes.redeem(
        code, client_id=application.client_id, now=tenant.clock()
    )
    with tenant.store.transaction():
        sign_in = tenant.store.sign_in(sign_in_id)
        if sign_in is None:
            raise InvalidGrant("The person may not sign in any more.")
        return answer(tenant, application, sign_in)


PEOPLE: Final = {
    "authorization_code": redeem_code,
    "refresh_token": redeem_refresh_token,
    DEVICE_GRANT: _redeem_device_code,
}
"""The grants of people who signed in."""


def _application_types(grant_type: str) -> frozenset[ApplicationType]:
    if not grant_type:
        raise InvalidForm("Request parameter 'grant_type' is missing.")
    if grant_type not in GRANT_TYPES:
        raise UnsupportedGrantType(f"Local Kinde serves {', '.join(GRANT_TYPES)}.")
    return GRANT_TYPES[grant_type]


def _held_scopes(
    application: Application, audience: tuple[str, ...], spellings: Mapping[str, str]
) -> tuple[str, ...]:
    """Return every scope that the application holds on the APIs in ``audience``, each once."""
    if not audience:
        raise InvalidForm("Request parameter 'audience' is missing.")
    held = {access.audience: access.scopes for access in application.apis}
    found: dict[str, None] = {}
    for name in audience:
        # An API that is called exactly so goes before another spelling of the Management API.
        api = name if name in held else spellings.get(name)
        if api not in held:
            raise UnauthorizedClient(f"The application is not authorized for{quoted(name)}.")
        found |= dict.fromkeys(held[api])
    return tuple(found)
