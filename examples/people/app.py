"""An API for people: scopes, roles, features and organization, as their token has them."""

import os
from typing import Annotated

from fastapi import Depends, FastAPI
from kinde_guard import (
    AccessToken,
    KindeGuard,
    require_feature,
    require_org,
    require_roles,
    require_scopes,
    require_token,
)

app = FastAPI()
guard = KindeGuard.from_env(permissions_as_scopes=True)
guard.install(app, docs_client_id=os.environ.get("KINDE_FRONTEND_CLIENT_ID"))


@app.get("/me")
async def me(token: Annotated[AccessToken, Depends(require_token())]) -> dict[str, object]:
    return {"kind": token.kind, "organization": token.org_code, "roles": sorted(token.roles)}


@app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
async def list_users() -> list[str]:
    return ["ada", "grace"]


@app.get("/settings", dependencies=[Depends(require_roles("admin"))])
async def settings() -> dict[str, str]:
    return {"plan": "pro"}


@app.get("/beta", dependencies=[Depends(require_feature("beta"))])
async def beta() -> str:
    return "new things"


@app.get("/organizations/{org_code}/report", dependencies=[Depends(require_org())])
async def report(org_code: str) -> dict[str, str]:
    return {"organization": org_code}
