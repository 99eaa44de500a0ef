"""The other guards that install from PyPI, each set up as its README says.

Every peer guards the same route, ``GET /users``, and gets its keys from the loopback server, or
through the hook that it offers where it insists on https. Where it can ask for a scope, it asks for
``read:users``; where it can check issuer and audience, it checks them.

Peers are imported here only when they are built, so that one that is missing or broken is named in
the table and spoils nothing else.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Annotated, Any
from unittest.mock import patch

import jwt
from fastapi import Depends, FastAPI, HTTPException, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tests.benchmarks.identity import AUDIENCE, Identity

SCOPE = "read:users"
HTTPS_HOST = "acme.kinde.com"
SUBJECT = {"sub": "7cf6b1c1d3e54c3f9a7a4f8f1a2b3c4d@clients"}

Build = Callable[[Identity], FastAPI]


@dataclass(frozen=True)
class Peer:
    """A guard to compare with.

    Attributes:
        name: of the distribution, or what stands for it.
        requirement: what pip is asked for; empty where nothing need be installed.
        build: makes the guarded application.
        checks_scopes: whether the route asks for the scope through the peer.
        claims: changes to the token, for a peer that wants another provider's shape.
    """

    name: str
    requirement: str
    build: Build
    checks_scopes: bool = True
    claims: dict[str, Any] = field(default_factory=dict)


def route(app: FastAPI, *dependencies: Any) -> FastAPI:
    """Add the route that is measured."""

    @app.get("/users", dependencies=list(dependencies))
    async def users() -> dict[str, int]:
        return {"users": 0}

    return app


def jwks_client(identity: Identity) -> FastAPI:
    package, face = import_module("jwks_client"), import_module("jwks_client.fastapi")
    keys = package.JWKSClient(f"{identity.url}/.well-known/jwks")
    verifier = package.JWTVerifier(
        keys, algorithms=["RS256"], audience=AUDIENCE, issuer=identity.url
    )
    return route(FastAPI(), Security(face.JWKSBearer(verifier)))


def oidc_jwt_verifier(identity: Identity) -> FastAPI:
    package = import_module("oidc_jwt_verifier")
    verifier = import_module("oidc_jwt_verifier.async_verifier").AsyncJWTVerifier(
        package.AuthConfig(
            issuer=identity.url,
            audience=AUDIENCE,
            jwks_url=f"{identity.url}/.well-known/jwks",
            allowed_algs=("RS256",),
            required_scopes=(SCOPE,),
        )
    )
    face = import_module("oidc_jwt_verifier.integrations.fastapi")
    return route(FastAPI(), Depends(face.create_async_bearer_dependency(verifier, realm="api")))


def auth0_fastapi_api(identity: Identity) -> FastAPI:
    async def fetch(_: str) -> dict[str, Any]:
        return {**identity.document, "issuer": f"https://{HTTPS_HOST}/"}

    plugin = import_module("fastapi_plugin")
    auth0 = plugin.Auth0FastAPI(domain=HTTPS_HOST, audience=AUDIENCE, custom_fetch=fetch)
    return route(FastAPI(), Depends(auth0.require_auth(scopes=SCOPE)))


def fastapi_azure_auth(identity: Identity) -> FastAPI:
    scheme = import_module("fastapi_azure_auth").SingleTenantAzureAuthorizationCodeBearer(
        app_client_id=AUDIENCE, tenant_id="acme", scopes={f"api://acme/{SCOPE}": SCOPE}
    )
    scheme.openid_config.config_url = f"{identity.url}/.well-known/openid-configuration"
    return route(FastAPI(), Security(scheme, scopes=[SCOPE]))


def axioms_fastapi(identity: Identity) -> FastAPI:
    axioms = import_module("axioms_fastapi")
    app = FastAPI()
    axioms.init_axioms(
        app,
        AXIOMS_AUDIENCE=AUDIENCE,
        AXIOMS_ISS_URL=identity.url,
        AXIOMS_JWKS_URL=f"{identity.url}/.well-known/jwks",
    )
    axioms.register_axioms_exception_handler(app)
    return route(app, Depends(axioms.require_auth), Depends(axioms.require_scopes([SCOPE])))


def fastapi_clerk_auth(identity: Identity) -> FastAPI:
    clerk = import_module("fastapi_clerk_auth")
    config = clerk.ClerkConfig(
        jwks_url=f"{identity.url}/.well-known/jwks",
        audience=AUDIENCE,
        verify_aud=True,
        issuer=identity.url,
        verify_iss=True,
    )
    return route(FastAPI(), Depends(clerk.ClerkHTTPBearer(config=config)))


def fastapi_auth0(identity: Identity) -> FastAPI:
    def fetch(_: str) -> io.BytesIO:
        return io.BytesIO(json.dumps(identity.document).encode())

    with patch("urllib.request.urlopen", fetch):
        auth = import_module("fastapi_auth0").Auth0(domain=HTTPS_HOST, api_audience=AUDIENCE)
    needs = Depends(auth.implicit_scheme), Security(auth.get_user, scopes=[SCOPE])
    return route(FastAPI(), *needs)


def armasec(identity: Identity) -> FastAPI:
    package = import_module("armasec")
    guard = package.Armasec(
        domain=identity.url.removeprefix("http://"), audience=AUDIENCE, use_https=False
    )
    return route(FastAPI(), Depends(guard.lockdown(SCOPE)))


def fastapi_jwks(identity: Identity) -> FastAPI:
    models = import_module("fastapi_jwks.models.types")
    auth = import_module("fastapi_jwks.dependencies.jwk_auth")
    validator = import_module("fastapi_jwks.validators")
    claims = import_module("pydantic").create_model("Claims", azp=(str, ...))
    verifier = validator.JWKSValidator[claims](
        decode_config=models.JWTDecodeConfig(audience=[AUDIENCE], issuer=identity.url),
        jwks_config=models.JWKSConfig(url=f"{identity.url}/.well-known/jwks"),
    )
    return route(FastAPI(), Depends(auth.JWKSAuth(jwks_validator=verifier)))


def by_hand(identity: Identity) -> FastAPI:
    keys = jwt.PyJWKClient(f"{identity.url}/.well-known/jwks")

    async def claims(
        credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
    ) -> dict[str, Any]:
        token = credentials.credentials
        try:
            key = keys.get_signing_key_from_jwt(token)
            found: dict[str, Any] = jwt.decode(
                token, key, algorithms=["RS256"], audience=AUDIENCE, issuer=identity.url
            )
        except jwt.PyJWTError as error:
            raise HTTPException(401, "Invalid token") from error
        if SCOPE not in found.get("scope", "").split():
            raise HTTPException(403, "Not enough scopes")
        return found

    return route(FastAPI(), Depends(claims))


_AUTH0 = {**SUBJECT, "iss": f"https://{HTTPS_HOST}/"}
_AZURE = {**SUBJECT, "aud": AUDIENCE, "nbf": 1, "scp": SCOPE, "tid": "acme", "ver": "2.0"}

PEERS = (
    Peer("PyJWT by hand", "", by_hand),
    Peer("jwks-client", "jwks-client[fastapi]>=0.1.2", jwks_client, checks_scopes=False),
    Peer("oidc-jwt-verifier", "oidc-jwt-verifier[fastapi]>=0.1.6", oidc_jwt_verifier),
    Peer("auth0-fastapi-api", "auth0-fastapi-api>=1.0.0b9", auth0_fastapi_api, claims=_AUTH0),
    Peer("fastapi-azure-auth", "fastapi-azure-auth>=5.3.0", fastapi_azure_auth, claims=_AZURE),
    Peer("axioms-fastapi", "axioms-fastapi>=0.0.13", axioms_fastapi),
    Peer(
        "fastapi-clerk-auth", "fastapi-clerk-auth>=0.0.9", fastapi_clerk_auth, checks_scopes=False
    ),
    Peer("fastapi-auth0", "fastapi-auth0>=0.5.0", fastapi_auth0, claims=_AUTH0),
    Peer("armasec", "armasec>=3.0.0", armasec, claims={**SUBJECT, "permissions": [SCOPE]}),
    Peer("fastapi-jwks", "fastapi-jwks>=2.0.2", fastapi_jwks, checks_scopes=False),
)
