# Run `kinde-guard local` in one terminal and this file in another; open http://127.0.0.1:8000/docs.
import os

import uvicorn
from fastapi import Depends, FastAPI
from kinde_guard import KindeGuard, require_scopes

local = KindeGuard("http://127.0.0.1:8787", audience="https://api.demo.example")
guard = KindeGuard.from_env() if "KINDE_DOMAIN" in os.environ else local
app = FastAPI()
guard.install(app)


@app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
async def list_users() -> list[str]:
    return ["Ada", "Grace"]


if __name__ == "__main__":
    uvicorn.run(app)
