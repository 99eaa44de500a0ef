"""What ``ClientCredentials`` costs a call, and how many token requests a crowd makes.

    python tests/benchmarks/client_credentials.py [--calls 100000] [--rounds 5] [--json FILE]

Each way of calling is measured by turns in one process; the table shows medians over the rounds.
The flow is what httpx runs around a request; whole requests go to a transport that answers at once,
and there are a twentieth as many. The crowds ask a local Kinde over real HTTP, which counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import track
from rich.table import Table

from kinde_guard.client import ClientCredentials
from kinde_guard.local import LocalKinde

CROWD = 1_000
URL = "https://api.test/"

Measure = Callable[[int], float]


def credentials(kinde: LocalKinde) -> ClientCredentials:
    application = kinde.applications[0]
    return ClientCredentials(
        kinde.issuer,
        client_id=application.client_id,
        client_secret=application.client_secret,
        audience=kinde.audience,
    )


def fetch(auth: ClientCredentials) -> Measure:
    def take(calls: int) -> float:
        started = time.perf_counter()
        for _ in range(calls):
            auth.fetch()
        return time.perf_counter() - started

    return take


def afetch(auth: ClientCredentials) -> Measure:
    async def loop(calls: int) -> float:
        started = time.perf_counter()
        for _ in range(calls):
            await auth.afetch()
        return time.perf_counter() - started

    return lambda calls: asyncio.run(loop(calls))


def sync_flow(auth: httpx.Auth) -> Measure:
    """Measure the auth flow as ``httpx.Client`` runs it, without the client."""
    request = httpx.Request("GET", URL)
    response = httpx.Response(200, request=request)

    def take(calls: int) -> float:
        started = time.perf_counter()
        for _ in range(calls):
            flow = auth.sync_auth_flow(request)
            next(flow)
            try:  # noqa: SIM105 - suppress() would cost more than what is measured
                flow.send(response)
            except StopIteration:
                pass
        return time.perf_counter() - started

    return take


def async_flow(auth: httpx.Auth) -> Measure:
    """Measure the auth flow as ``httpx.AsyncClient`` runs it, without the client."""
    request = httpx.Request("GET", URL)
    response = httpx.Response(200, request=request)

    async def loop(calls: int) -> float:
        started = time.perf_counter()
        for _ in range(calls):
            flow = auth.async_auth_flow(request)
            await anext(flow)
            try:  # noqa: SIM105 - as above
                await flow.asend(response)
            except StopAsyncIteration:
                pass
        return time.perf_counter() - started

    return lambda calls: asyncio.run(loop(calls))


def through_httpx(auth: ClientCredentials | None, header: str) -> Measure:
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    headers = {} if auth is not None else {"authorization": header}
    client = httpx.Client(transport=transport, auth=auth, headers=headers)

    def take(calls: int) -> float:
        started = time.perf_counter()
        for _ in range(calls):
            client.get(URL)
        return time.perf_counter() - started

    return take


def measure(calls: int, rounds: int, console: Console) -> dict[str, float]:
    """Return the median microseconds that each way of calling takes."""
    with LocalKinde() as kinde:
        auth = credentials(kinde)
        header = f"Bearer {auth.fetch().access_token}"
        measures = {
            "fetch()": (fetch(auth), calls),
            "await afetch()": (afetch(auth), calls),
            "httpx's flow without auth, sync": (sync_flow(httpx.Auth()), calls),
            "our flow, sync": (sync_flow(auth), calls),
            "httpx's flow without auth, async": (async_flow(httpx.Auth()), calls),
            "our flow, async": (async_flow(auth), calls),
            "whole request, fixed header": (through_httpx(None, header), calls // 20),
            "whole request, our auth": (through_httpx(auth, header), calls // 20),
        }
        figures: dict[str, list[float]] = {name: [] for name in measures}
        for _ in track(range(rounds), "measuring", console=console, transient=True):
            for name, (take, count) in measures.items():
                figures[name].append(take(count) / count * 1e6)
        if kinde.token_requests != 1:
            raise SystemExit(f"{kinde.token_requests} token requests were made instead of one")
    return {name: statistics.median(taken) for name, taken in figures.items()}


def tasks(auth: ClientCredentials, count: int) -> None:
    async def main() -> None:
        await asyncio.gather(*(auth.afetch() for _ in range(count)))

    asyncio.run(main())


def threads(auth: ClientCredentials, count: int) -> None:
    crowd = [threading.Thread(target=auth.fetch) for _ in range(count)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()


def both(auth: ClientCredentials, count: int) -> None:
    loop = threading.Thread(target=tasks, args=(auth, count // 2))
    loop.start()
    threads(auth, count - count // 2)
    loop.join()


def crowds() -> dict[str, tuple[int, float]]:
    """Return the token requests of each crowd, and the milliseconds until the last was served."""
    found = {}
    for name, crowd in {"tasks": tasks, "threads": threads, "both": both}.items():
        with LocalKinde() as kinde:
            auth = credentials(kinde)
            started = time.perf_counter()
            crowd(auth, CROWD)
            found[name] = (kinde.token_requests, (time.perf_counter() - started) * 1e3)
    return found


def report(figures: dict[str, float], counts: dict[str, tuple[int, float]], calls: int) -> Table:
    table = Table(title=f"{calls:,} calls with a token in hand, {CROWD:,} first calls at once")
    for column in ("", "microseconds a call", "over no auth"):
        table.add_column(column, justify="right" if column else "left")
    base = 0.0
    for name, figure in figures.items():
        is_base = "without auth" in name or "fixed" in name
        base = figure if is_base else base
        over = f"{figure - base:.2f}" if "our" in name else ""
        table.add_row(name, f"{figure:.2f}", over, end_section="our" in name)
    for name, (requests, milliseconds) in counts.items():
        table.add_row(f"{CROWD:,} first calls, {name}", f"{milliseconds:.0f} ms in all", "")
        table.add_row("  token requests", str(requests), "", end_section=True)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    console = Console()
    figures = measure(options.calls, options.rounds, console)
    counts = crowds()
    console.print(report(figures, counts, options.calls))
    if options.json:
        written = {
            "microseconds": figures,
            "token_requests": {n: c for n, (c, _) in counts.items()},
        }
        options.json.write_text(json.dumps(written, indent=2))


if __name__ == "__main__":
    main()
