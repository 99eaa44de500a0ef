"""The API that is put under load, with a guard or without; made in each worker of uvicorn.

``/users`` does something small and real: it reads twenty users from an SQLite database in memory
and answers with them, checked and written by a response model. ``/users/threaded`` does the same as
a plain ``def``, which FastAPI runs in a thread, as its pages on SQL databases do it. ``/ping`` does
nothing. All take and answer the same bytes with a guard and without.
"""

from __future__ import annotations

import os
import sqlite3
import time
from datetime import datetime
from typing import Final

from fastapi import Depends, FastAPI
from pydantic import BaseModel

from kinde_guard import KindeGuard, require_scopes
from kinde_guard.vocabulary.events import GuardStats

ISSUER: Final = "https://acme.kinde.com"
AUDIENCE: Final = "https://api.acme.example"
SCOPE: Final = "read:users"
STATS: Final = "/stats"
#: Environment variables: where the key set is (unset: no guard), and the guard's times in seconds.
KEYS_URL: Final = "SERVED_KEYS_URL"
MAX_AGE: Final = "SERVED_MAX_AGE"
COOLDOWN: Final = "SERVED_COOLDOWN"

PAGE: Final = 20
USERS: Final = 100


class User(BaseModel):
    """A user as the API knows one."""

    id: int
    name: str
    email: str
    created_at: datetime


def create_app() -> FastAPI:
    """Make the application that the environment describes."""
    guard = _guard()
    needs = [Depends(require_scopes(SCOPE))] if guard else []
    users = _database()
    app = FastAPI()

    def page() -> list[User]:
        rows = users.execute("SELECT id, name, email, created_at FROM users LIMIT ?", (PAGE,))
        return [User(id=row[0], name=row[1], email=row[2], created_at=row[3]) for row in rows]

    @app.get("/users", dependencies=needs)
    async def list_users() -> list[User]:
        return page()

    @app.get("/users/threaded", dependencies=needs)
    def list_users_in_a_thread() -> list[User]:
        return page()

    @app.get("/ping", dependencies=needs)
    async def ping() -> dict[str, str]:
        return {"answer": "pong"}

    @app.get(STATS)
    async def stats() -> dict[str, int]:
        counted = guard.stats if guard else GuardStats()
        return {
            "process": os.getpid(),
            "processor_ns": time.process_time_ns(),
            "verified": counted.verified,
            "cache_hits": counted.cache_hits,
        }

    if guard:
        guard.install(app)
    return app


def _guard() -> KindeGuard | None:
    url = os.environ.get(KEYS_URL)
    if not url:
        return None
    return KindeGuard(
        ISSUER,
        audience=AUDIENCE,
        # The key server counts by process, and this is how it knows one from another.
        jwks_url=f"{url}?process={os.getpid()}",
        jwks_max_age=float(os.environ[MAX_AGE]),
        jwks_cooldown=float(os.environ[COOLDOWN]),
        public_paths=(STATS,),
    )


def _database() -> sqlite3.Connection:
    users = sqlite3.connect(":memory:", check_same_thread=False)
    users.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name, email, created_at)")
    users.executemany(
        "INSERT INTO users VALUES (?, ?, ?, ?)",
        [
            (number, f"User {number}", f"user{number}@example.com", "2026-01-01T00:00:00+00:00")
            for number in range(1, USERS + 1)
        ],
    )
    return users
