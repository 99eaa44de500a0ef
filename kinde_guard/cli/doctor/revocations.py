"""Whether the Redis that keeps the revocations can be used."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from kinde_guard.cli.doctor.diagnosis import Diagnosis, Health
from kinde_guard.cli.errors import WrongUsage
from kinde_guard.cli.revoke import EXTRA, VARIABLE, redis_url, shown, without_password

TIMEOUT: Final = 3.0
_NAME: Final = "revocations"
POLICY: Final = "noeviction"


async def diagnose_revocations(environ: Mapping[str, str]) -> Diagnosis | None:
    """Ask the Redis of KINDE_REVOCATIONS_URL; return None where none is named.

    Args:
        environ: the environment.

    Source: Redis, "Key eviction".
    """
    try:
        url = redis_url(environ, None)
    except WrongUsage as error:
        return Diagnosis(_NAME, Health.ILL, error.format_message(), f"correct {VARIABLE}")
    if url is None:
        return None
    if find_spec("redis") is None:
        return Diagnosis(_NAME, Health.ILL, EXTRA)
    return await asyncio.to_thread(_ask, url)


def _ask(url: str) -> Diagnosis:
    redis: Any = import_module("redis")
    plain = url.replace("valkey", "redis", 1) if url.startswith("valkey") else url
    try:
        with redis.Redis.from_url(
            plain, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, decode_responses=True
        ) as client:
            client.ping()
            policy = _policy(client, redis.RedisError)
    except (redis.RedisError, OSError, ValueError) as error:
        message = f"{shown(url)}: {without_password(str(error) or type(error).__name__, url)}"
        remedy = "until it answers, a guard that starts answers 503, and revocations do not spread"
        return Diagnosis(_NAME, Health.ILL, message, remedy)
    if policy not in {"", POLICY}:
        message = f"{shown(url)} answers, but its maxmemory-policy is {policy}"
        return Diagnosis(_NAME, Health.ILL, message, f"set maxmemory-policy {POLICY}")
    return Diagnosis(_NAME, Health.OK, f"{shown(url)} answers")


def _policy(client: Any, refused: type[Exception]) -> str:  # noqa: ANN401 - redis-py
    """Return the eviction policy, "" where the server does not show its configuration."""
    try:
        return str(client.config_get("maxmemory-policy").get("maxmemory-policy", ""))
    except refused:
        return ""
