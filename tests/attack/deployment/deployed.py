"""The application that every deployment here serves; the environment says how it is made."""

from __future__ import annotations

import asyncio
import os

from fastapi import Depends, FastAPI

from kinde_guard import KindeGuard, require_scopes

guard = KindeGuard.from_env(public_paths=["/health"])
app = FastAPI()
guard.install(app)

if os.environ.get("WARM_AT_IMPORT"):
    # In a process that forks its workers afterwards: their event loops are other ones.
    asyncio.run(guard.warm())


@app.get("/health")
async def health() -> int:
    return os.getpid()


@app.get("/process", dependencies=[Depends(require_scopes("read:users"))])
async def process() -> int:
    """Tell which process answers."""
    return os.getpid()
