"""An API that takes Kinde API keys beside tokens, in Authorization or X-API-Key."""

import os
from typing import Annotated

from fastapi import Depends, FastAPI
from kinde_guard import AccessToken, ApiKeys, KindeGuard, require_scopes
from kinde_guard.client import ClientCredentials

domain = os.environ["KINDE_DOMAIN"]
keys = ApiKeys(
    header="X-API-Key",
    credentials=ClientCredentials(
        domain,
        client_id=os.environ["KINDE_MANAGEMENT_CLIENT_ID"],
        client_secret=os.environ["KINDE_MANAGEMENT_CLIENT_SECRET"],
        audience=f"{domain}/api",  # https://acme.kinde.com/api
        scopes=["read:api_keys", "read:apis"],
    ),
)
app = FastAPI()
KindeGuard.from_env(api_keys=keys).install(app)


@app.get("/users")
async def list_users(
    token: Annotated[AccessToken, Depends(require_scopes("read:users"))],
) -> dict[str, object]:
    return {"kind": token.kind, "users": ["ada", "grace"]}
