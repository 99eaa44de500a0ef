"""A users API as it runs in production: probes, metrics of each worker, revocations, webhooks.

Settings are environment variables: those of ``KindeGuard.from_env``, and

- ``KINDE_HTTP_HOSTS``: hosts that may be reached by plain http, space separated.
- ``KINDE_REVOCATIONS_URL``: the Redis or Valkey that holds revocations; none without it.
- ``METRICS_PORTS``: ``first-last``, a port for each worker; no metrics are served without it.
- ``METRICS_ADDRESS``: where these ports listen, ``127.0.0.1`` by default.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Response
from kinde_guard import AccessToken, KindeGuard, require_scopes
from kinde_guard.prometheus import GuardCollector
from prometheus_client import CollectorRegistry, start_http_server

ENV = os.environ


def make_guard(revocations: Any) -> KindeGuard:  # noqa: ANN401 - none without a server
    """Make the guard; its clients need no token for the probes and the webhook."""
    return KindeGuard.from_env(
        http_hosts=ENV.get("KINDE_HTTP_HOSTS", "").split(),
        public_paths=["/live", "/ready", "/webhooks/kinde"],
        revocations=revocations,
    )


def make_revocations() -> Any:  # noqa: ANN401 - none without a server
    """Make the revocations that all workers share, if their server is named."""
    if not ENV.get("KINDE_REVOCATIONS_URL"):
        return None
    from kinde_guard import RedisRevocations  # noqa: PLC0415

    return RedisRevocations(ENV["KINDE_REVOCATIONS_URL"])


def serve_metrics(guard: KindeGuard) -> None:
    """Serve this worker's metrics at the first free port; one that restarts takes its own again."""
    if not ENV.get("METRICS_PORTS"):
        return
    first, last = map(int, ENV["METRICS_PORTS"].split("-"))
    registry = CollectorRegistry()
    registry.register(GuardCollector(guard))
    for port in range(first, last + 1):
        try:
            start_http_server(port, ENV.get("METRICS_ADDRESS", "127.0.0.1"), registry)
        except OSError:
            continue
        return
    raise RuntimeError(f"METRICS_PORTS: no port of {first}-{last} is free; each worker needs one")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Serve the metrics of this worker, which is a process of its own by now."""
    serve_metrics(guard)
    yield


revocations = make_revocations()
guard = make_guard(revocations)
app = FastAPI(lifespan=lifespan)
guard.install(app)


@app.get("/live", include_in_schema=False)
async def live() -> Response:
    """Liveness: this process answers. Nothing else, since a restart would mend nothing else."""
    return Response(status_code=204)


@app.get("/ready", include_in_schema=False)
async def ready() -> Response:
    """Readiness: there are keys, so tokens can be verified."""
    return Response(status_code=204 if guard.ready else 503)


@app.get("/users")
async def list_users(
    token: Annotated[AccessToken, Depends(require_scopes("read:users"))],
) -> dict[str, str | None]:
    """List users."""
    return {"asked_by": token.principal}


@app.delete("/users/{user_id}", dependencies=[Depends(require_scopes("delete:users"))])
async def delete_user(user_id: str) -> dict[str, str]:
    """Delete a user."""
    return {"deleted": user_id}


if revocations is not None:
    from kinde_guard import WebhookEvent, kinde_webhook

    @app.post("/webhooks/kinde", status_code=204)
    async def kinde_event(event: Annotated[WebhookEvent, Depends(kinde_webhook(guard))]) -> None:
        """Take what Kinde reports: deleted and suspended people, deleted organizations."""
        await revocations.apply(event)
