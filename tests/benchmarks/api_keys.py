"""What an API key costs a request, and what crowds and floods cost Kinde.

    python -m tests.benchmarks.api_keys [--calls 100000] [--rounds 5] [--seconds 5] [--json FILE]

A key in the cache is measured by turns with the SHA-256 of a token and a token that was seen
before. The crowd and the flood ask a server in the process that answers after 20 ms and counts.
In the flood 1,000 made-up keys a second arrive beside a good caller every 10 ms: how many
verifications does it cause, and how long does the good caller wait?
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from kinde_guard import GuardError, KindeGuard
from kinde_guard.api_keys import ApiKeys
from kinde_guard.api_keys.verifier import KeyVerifier
from kinde_guard.local import LocalKinde

ANSWER_AFTER = 0.02
"""Seconds."""

GOOD = {"is_valid": True, "status": "active", "scopes": ["read:users"]}

Way = Callable[[int], Awaitable[None]]


class Answers:
    """Calls keys that begin with "k_live" good, and counts."""

    def __init__(self) -> None:
        self.verifications = 0

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.verifications += 1
        await asyncio.sleep(ANSWER_AFTER)
        key = json.loads(request.content)["api_key"]
        answer = {**GOOD, "key_id": key} if key.startswith("k_live") else {"is_valid": False}
        return httpx.Response(200, json=answer)

    def bind(self) -> KeyVerifier:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self.handle))
        keys = ApiKeys(http_client=client)
        return keys.bind("https://acme.kinde.com", None, time.monotonic)


def key(number: int) -> bytes:
    return b"k_live_%040d" % number


def hashing(token: bytes) -> Way:
    async def loop(calls: int) -> None:
        for _ in range(calls):
            hashlib.sha256(token).digest()

    return loop


def seen_token(guard: KindeGuard, token: str) -> Way:
    async def loop(calls: int) -> None:
        for _ in range(calls):
            await guard.verify(token)

    return loop


def find_cached(bound: KeyVerifier, presented: bytes) -> Way:
    async def loop(calls: int) -> None:
        for _ in range(calls):
            bound.find_cached(presented)

    return loop


def cached_key(bound: KeyVerifier, presented: bytes) -> Way:
    async def loop(calls: int) -> None:
        for _ in range(calls):
            await bound.verify(presented)

    return loop


async def hot_path(calls: int, rounds: int) -> dict[str, float]:
    """Return microseconds a call, medians over the rounds."""
    bound = Answers().bind()
    await bound.verify(key(0))
    with LocalKinde() as kinde:
        guard = KindeGuard(kinde.issuer, audience=kinde.audience)
        token = kinde.token(["read:users"])
        await guard.verify(token)
        ways = {
            "SHA-256 of the token": hashing(token.encode()),
            "seen token, guard.verify": seen_token(guard, token),
            "cached key, find_cached": find_cached(bound, key(0)),
            "cached key, verify": cached_key(bound, key(0)),
        }
        taken = await by_turns(ways, calls, rounds)
        await guard.aclose()
    return {name: statistics.median(spans) for name, spans in taken.items()}


async def by_turns(ways: dict[str, Way], calls: int, rounds: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            await way(calls)
            taken[name].append((time.perf_counter() - started) / calls * 1e6)
    return taken


async def crowd() -> dict[str, float]:
    """Return what 1,000 requests at once with 10 new keys cost."""
    answers = Answers()
    bound = answers.bind()
    started = time.perf_counter()
    await asyncio.gather(*(bound.verify(key(number % 10)) for number in range(1000)))
    return {
        "verifications": answers.verifications,
        "milliseconds": (time.perf_counter() - started) * 1000,
    }


async def good_caller(bound: KeyVerifier, until: float) -> list[float]:
    """Return how many seconds each request of a good key waited."""
    delays = []
    while time.perf_counter() < until:
        started = time.perf_counter()
        await bound.verify(key(0))
        delays.append(time.perf_counter() - started)
        await asyncio.sleep(0.01)
    return delays


async def made_up(bound: KeyVerifier, number: int, reasons: Counter[str]) -> None:
    try:
        await bound.verify(b"made-up-%d" % number)
    except GuardError as error:
        reasons[error.reason] += 1


async def present_made_up(bound: KeyVerifier, until: float, per_second: int) -> Counter[str]:
    """Return how often made-up keys were refused, by reason."""
    reasons: Counter[str] = Counter()
    started, sent = time.perf_counter(), 0
    async with asyncio.TaskGroup() as group:
        while time.perf_counter() < until:
            due = int((time.perf_counter() - started) * per_second)
            for number in range(sent, due):
                group.create_task(made_up(bound, number, reasons))
            sent = due
            await asyncio.sleep(0.005)
    return reasons


async def flood(seconds: float, per_second: int) -> dict[str, float]:
    """Return what a flood of made-up keys costs Kinde and a good caller."""
    answers = Answers()
    bound = answers.bind()
    await bound.verify(key(0))
    until = time.perf_counter() + seconds
    delays, reasons = await asyncio.gather(
        good_caller(bound, until), present_made_up(bound, until, per_second)
    )
    return {
        "verifications": answers.verifications,
        **{f"refused, {reason}": float(count) for reason, count in reasons.items()},
        "good caller, median µs": statistics.median(delays) * 1e6,
        "good caller, 99th percentile µs": statistics.quantiles(delays, n=100)[98] * 1e6,
        "good caller, longest µs": max(delays) * 1e6,
    }


def table(title: str, rows: dict[str, float]) -> Table:
    shown = Table(title=title, title_justify="left")
    shown.add_column("")
    shown.add_column("", justify="right")
    for name, value in rows.items():
        shown.add_row(name, f"{value:,.2f}")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results: dict[str, dict[str, Any]] = {
        "Microseconds a call": asyncio.run(hot_path(given.calls, given.rounds)),
        "1,000 requests at once with 10 new keys": asyncio.run(crowd()),
        f"A good caller alone, {given.seconds:g} s": asyncio.run(flood(given.seconds, 0)),
        f"Beside 1,000 made-up keys a second, {given.seconds:g} s": asyncio.run(
            flood(given.seconds, 1000)
        ),
    }
    console = Console()
    for title, rows in results.items():
        console.print(table(title, rows))
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
