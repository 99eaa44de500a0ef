"""The same route after the move, from whatever verified its tokens before."""

from typing import Annotated

from fastapi import Depends, FastAPI
from kinde_guard import AccessToken, KindeGuard, require_scopes

app = FastAPI()
KindeGuard.from_env().install(app)


@app.get("/users")
async def list_users(
    token: Annotated[AccessToken, Depends(require_scopes("read:users"))],
) -> dict[str, object]:
    return {"asked_by": token.principal, "users": ["ada", "grace"]}
