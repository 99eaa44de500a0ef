"""What the guard costs a request, in microseconds over the same route without a guard.

    python tests/benchmarks/overhead.py [--rounds 15] [--requests 1000] [--json FILE]

Everything is measured by turns in one process, so that a busy machine slows all alike; the table
shows medians over the rounds, how far the rounds lay apart, and each cost as a multiple of one
RSA-2048 verification, which is the figure that holds from machine to machine. Import time is taken
from fresh processes.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from fastapi import Depends, FastAPI
from rich.console import Console
from rich.progress import track
from rich.table import Table
from starlette.types import ASGIApp, Message, Scope

from kinde_guard import KindeGuard, require_scopes

ISSUER = "https://acme.kinde.com"
AUDIENCE = "https://api.acme.com"
KEY_ID = "4c:fa:9e:d6:47:23:b7:39:c7:8f:97:28:45:a1:84:35"

# What contract and machine allow: extra microseconds where one RSA verification takes 26.
BUDGETS = {"token seen before": 25, "token never seen": 90}
REFERENCE_RSA = 26
NOISY = 0.25

Measure = Callable[[], Awaitable[float]]


@dataclass(frozen=True)
class Tenant:
    """A key pair, its public half as a key set, and tokens signed with it."""

    key: rsa.RSAPrivateKey

    @property
    def jwks(self) -> dict[str, object]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**public, "key_ops": ["verify"], "kid": KEY_ID, "alg": "RS256"}]}

    def token(self, number: int, lifetime: int = 86_400) -> str:
        now = int(time.time())
        claims = {
            "aud": [AUDIENCE],
            "azp": "0" * 32,
            "exp": now + lifetime,
            "gty": ["client_credentials"],
            "iat": now - 86_400,
            "iss": ISSUER,
            "jti": f"{number:08x}-0000-4000-8000-000000000000",
            "scope": "read:users",
            "scp": ["read:users"],
            "v": "2",
        }
        return jwt.encode(claims, self.key, "RS256", {"kid": KEY_ID})

    def forged(self, number: int) -> str:
        message = self.token(number).rpartition(".")[0]
        noise = base64.urlsafe_b64encode(os.urandom(256)).rstrip(b"=").decode()
        return f"{message}.{noise}"


def application(guard: KindeGuard | None) -> FastAPI:
    app = FastAPI()
    needs = [Depends(require_scopes("read:users"))] if guard else []

    @app.get("/users", dependencies=needs)
    async def users() -> dict[str, int]:
        return {"users": 0}

    if guard:
        guard.install(app)
    return app


def request(token: str | None) -> Scope:
    headers = [(b"host", b"api"), (b"user-agent", b"benchmark"), (b"accept", b"*/*")]
    if token is not None:
        headers.append((b"authorization", f"Bearer {token}".encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/users",
        "raw_path": b"/users",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def serve(app: ASGIApp, tokens: Sequence[str | None], expected: int) -> float:
    """Return the microseconds that one request took on the average."""
    statuses = set()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.add(message["status"])

    scopes = [request(token) for token in tokens]
    started = time.perf_counter()
    for scope in scopes:
        await app(scope, receive, send)
    elapsed = time.perf_counter() - started
    if statuses != {expected}:
        raise SystemExit(f"expected {expected}, got {statuses}: the benchmark measures nothing")
    return elapsed / len(scopes) * 1e6


def subjects(tenant: Tenant, requests: int) -> dict[str, Measure]:
    """Return what is measured, by name."""
    answer = httpx.Response(200, json=tenant.jwks)
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer))
    guard = KindeGuard(ISSUER, audience=AUDIENCE, http_client=client)
    guarded, plain = application(guard), application(None)
    seen = tenant.token(0)
    forged = [tenant.forged(number) for number in range(requests)]
    expired = [tenant.token(number, -3_600) for number in range(requests)]
    fresh = _batches(tenant, requests)
    public, signature = tenant.key.public_key(), _signed(tenant)

    async def verify_rsa() -> float:
        started = time.perf_counter()
        for _ in range(requests):
            public.verify(*signature, padding.PKCS1v15(), hashes.SHA256())
        return (time.perf_counter() - started) / requests * 1e6

    return {
        "one RSA-2048 verification": verify_rsa,
        "route without a guard": lambda: serve(plain, [None] * requests, 200),
        "token seen before": lambda: serve(guarded, [seen] * requests, 200),
        "token never seen": lambda: serve(guarded, next(fresh), 200),
        "forged signature": lambda: serve(guarded, forged, 401),
        "expired token": lambda: serve(guarded, expired, 401),
        "no token": lambda: serve(guarded, [None] * requests, 401),
    }


def _batches(tenant: Tenant, requests: int) -> Iterator[list[str]]:
    number = 1
    while True:
        yield [tenant.token(number + offset) for offset in range(requests)]
        number += requests


def _signed(tenant: Tenant) -> tuple[bytes, bytes]:
    message = b"m" * 600
    return tenant.key.sign(message, padding.PKCS1v15(), hashes.SHA256()), message


def import_milliseconds() -> float:
    """Return how long importing the package takes once FastAPI is imported."""
    script = (
        "import time, fastapi; started = time.perf_counter(); from kinde_guard import KindeGuard;"
        "print((time.perf_counter() - started) * 1e3)"
    )
    runs = [subprocess.check_output([sys.executable, "-c", script]) for _ in range(7)]
    return statistics.median(map(float, runs))


async def measure(rounds: int, requests: int, console: Console) -> dict[str, list[float]]:
    measures = subjects(Tenant(rsa.generate_private_key(65_537, 2_048)), requests)
    figures: dict[str, list[float]] = {name: [] for name in measures}
    for name in measures:
        await measures[name]()  # warm up
    for _ in track(range(rounds), "measuring", console=console, transient=True):
        for name, take in measures.items():
            figures[name].append(await take())
    return figures


def report(figures: dict[str, list[float]], console: Console) -> dict[str, dict[str, float]]:
    medians = {name: statistics.median(rounds) for name, rounds in figures.items()}
    rsa_time, plain = medians["one RSA-2048 verification"], medians["route without a guard"]
    table = Table(title="Microseconds a request (medians)")
    for column in ("", "whole", "over no guard", "in RSA verifications", "spread", "budget"):
        table.add_column(column, justify="right" if column else "left")
    results = {}
    for name, whole in medians.items():
        guarded = name not in {"one RSA-2048 verification", "route without a guard"}
        extra = whole - plain if guarded else 0.0
        low, _, high = statistics.quantiles(figures[name], n=4)
        spread = (high - low) / whole
        results[name] = {"whole": whole, "extra": extra, "spread": spread}
        budget = BUDGETS.get(name)
        table.add_row(
            name,
            f"{whole:.1f}",
            f"{extra:.1f}" if guarded else "",
            f"{extra / rsa_time:.2f}" if guarded else "",
            f"{spread:.0%}",
            f"{budget / REFERENCE_RSA * rsa_time:.1f}" if budget else "",
        )
    console.print(table)
    if max(result["spread"] for result in results.values()) > NOISY:
        console.print("The rounds lie far apart: this machine was busy. Only ratios mean anything.")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    console = Console()
    results = report(asyncio.run(measure(options.rounds, options.requests, console)), console)
    imported = import_milliseconds()
    console.print(f"import kinde_guard over import fastapi: {imported:.0f} ms (budget 60)")
    if options.json:
        options.json.write_text(json.dumps({**results, "import_ms": imported}, indent=2))


if __name__ == "__main__":
    main()
