"""The tenant's public documents: its OpenID configuration and its key set.

Kinde serves the key set at two paths; its own clients use either.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from kinde_guard.local.paths import ENDPOINTS
from kinde_guard.local.tenant import Tenant


def discovery_routes(tenant: Tenant) -> APIRouter:
    """Return the routes of both documents."""
    router = APIRouter()

    @router.get("/.well-known/openid-configuration")
    async def openid_configuration() -> Response:
        return JSONResponse(configuration(tenant.issuer))

    # No coroutine, hence run in a worker thread: the keys are looked up in the database.
    def jwks() -> Response:
        return JSONResponse(tenant.keys.jwks())

    for path in sorted(ENDPOINTS["jwks"]):
        router.add_api_route(path, jwks)
    return router


def configuration(issuer: str) -> dict[str, object]:
    """Return the OpenID Connect discovery document of the tenant at ``issuer``.

    It names the login endpoints because Kinde's clients look for them here and OpenID Connect
    Discovery requires the first; local Kinde has no login, and answers 404 there.
    """
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth2/auth",
        "token_endpoint": f"{issuer}/oauth2/token",
        "jwks_uri": f"{issuer}/.well-known/jwks",
        "userinfo_endpoint": f"{issuer}/oauth2/v2/user_profile",
        "end_session_endpoint": f"{issuer}/logout",
        "introspection_endpoint": f"{issuer}/oauth2/introspect",
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
