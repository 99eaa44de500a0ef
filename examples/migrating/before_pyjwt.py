"""What is often written by hand with PyJWT. Each comment names what it gets wrong."""

import os
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

DOMAIN, AUDIENCE = os.environ["KINDE_ISSUER_URL"], os.environ["KINDE_AUDIENCE"]
keys = jwt.PyJWKClient(f"{DOMAIN}/.well-known/jwks")
app = FastAPI()


def claims(  # a plain def: FastAPI runs it in a thread for each request
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> dict[str, Any]:
    try:
        key = keys.get_signing_key_from_jwt(credentials.credentials)
        return jwt.decode(
            credentials.credentials, key, algorithms=["RS256"], audience=AUDIENCE, issuer=DOMAIN
        )
    except jwt.PyJWTError as error:  # an outage of Kinde is answered with 401 as well
        raise HTTPException(401, "invalid token") from error  # without a challenge


@app.get("/users")
def list_users(token: Annotated[dict[str, Any], Depends(claims)]) -> dict[str, object]:
    if "read:users" not in token.get("scope", ""):  # "read:users_all" passes
        raise HTTPException(403)
    return {"asked_by": token.get("sub") or token.get("azp"), "users": ["ada", "grace"]}
