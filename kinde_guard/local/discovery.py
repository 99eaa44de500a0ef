"""The tenant's public documents: its OpenID configuration and its key set.

Kinde serves the key set at two paths; its own clients use either.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from kinde_guard.local.paths import ENDPOINTS
from kinde_guard.local.tenant import Tenant

CONFIGURATION: Final = (
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
)
"""The same document at both paths: OpenID Connect Discovery 1.0, and RFC 8414."""


def discovery_routes(tenant: Tenant) -> APIRouter:
    """Return the routes of both documents."""
    router = APIRouter()

    async def openid_configuration() -> Response:
        return JSONResponse(configuration(tenant.issuer))

    for path in CONFIGURATION:
        router.add_api_route(path, openid_configuration)

    # No coroutine, hence run in a worker thread: the keys are looked up in the database.
    def jwks() -> Response:
        return JSONResponse(tenant.keys.jwks())

    for path in sorted(ENDPOINTS["jwks"]):
        router.add_api_route(path, jwks)
    return router


def configuration(issuer: str) -> dict[str, object]:
    """Return the OpenID Connect discovery document of the tenant at ``issuer``.

    Everything that it names is served.
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
        "device_authorization_endpoint": f"{issuer}/oauth2/device/auth",
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "none"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "email", "offline"],
        "prompt_values_supported": ["login", "create", "none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
