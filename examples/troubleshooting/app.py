"""An API to be refused by: a scope each for reading and writing."""

from fastapi import Depends, FastAPI
from kinde_guard import KindeGuard, require_scopes

app = FastAPI()
KindeGuard.from_env().install(app)


@app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
async def list_users() -> list[str]:
    return ["ada"]


@app.post("/users", dependencies=[Depends(require_scopes("create:users"))])
async def create_user() -> str:
    return "created"
