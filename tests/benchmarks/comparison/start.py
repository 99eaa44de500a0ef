"""What importing the package costs, and what remembered tokens weigh."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable

import httpx

from kinde_guard import KindeGuard
from tests.benchmarks.identity import AUDIENCE, Identity
from tests.benchmarks.spread import Spread

REMEMBERED = 4_096

#: Prints how long FastAPI took, and then the package with its main names.
_IMPORTS = """
from time import perf_counter
started = perf_counter()
import fastapi
between = perf_counter()
from kinde_guard import KindeGuard, require_scopes
print((between - started) * 1e3, (perf_counter() - between) * 1e3)
"""


def import_milliseconds(rounds: Iterable[int]) -> tuple[Spread, Spread]:
    """Return how long ``import fastapi`` takes, and ``import kinde_guard`` after it.

    Each round is a process of its own; one before them fills the caches of bytecode.
    """
    _import()
    runs = [_import() for _ in rounds]
    return Spread.of(run[0] for run in runs), Spread.of(run[1] for run in runs)


def _import() -> list[float]:
    program = [sys.executable, "-c", _IMPORTS]
    return [float(each) for each in subprocess.check_output(program, text=True).split()]


async def cache_bytes(identity: Identity, tokens: list[str]) -> int:
    """Return how many bytes the guard holds for these tokens once it has verified them."""
    answer = httpx.Response(200, json=identity.document)
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer))
    guard = KindeGuard(
        identity.url, audience=AUDIENCE, http_client=client, token_cache_size=len(tokens)
    )
    await guard.verify(identity.mint().token())  # fetches the keys
    gc.collect()
    tracemalloc.start()
    for token in tokens:
        await guard.verify(token)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held
