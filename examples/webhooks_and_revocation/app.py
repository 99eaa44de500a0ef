"""An API that hears of deleted and suspended people and refuses their tokens at once."""

import os
from typing import Annotated

from fastapi import Depends, FastAPI
from kinde_guard import (
    KindeGuard,
    MemoryRevocations,
    RedisRevocations,
    WebhookEvent,
    kinde_webhook,
    require_token,
)

redis_url = os.environ.get("KINDE_REVOCATIONS_URL")
revocations = RedisRevocations(redis_url) if redis_url else MemoryRevocations()
guard = KindeGuard.from_env(
    revocations=revocations,
    public_paths=["POST /webhooks/kinde"],
)
app = FastAPI()
guard.install(app)


@app.post("/webhooks/kinde", status_code=200)
async def kinde_event(event: Annotated[WebhookEvent, Depends(kinde_webhook(guard))]) -> None:
    await revocations.apply(event)


@app.get("/me", dependencies=[Depends(require_token())])
async def me() -> str:
    return "hello"
