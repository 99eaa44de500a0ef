"""The API under test, made for a tenant that no test ever asks."""

from fastapi import Depends, FastAPI
from kinde_guard import KindeGuard, require_scopes

app = FastAPI()
KindeGuard("acme.kinde.com", audience="https://api.acme.com").install(app)


@app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
async def list_users() -> list[str]:
    return ["ada"]
