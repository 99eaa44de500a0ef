"""The variables against which cost is measured, and a case for each of their points.

Only one thing grows at a time. Tokens with few scopes are filled up to the length of the one with
most, with one long claim that costs next to nothing; long tokens are filled with feature flags as
Kinde writes them, which must be parsed one by one, and once more with a long claim. The route that
is asked for stands before the others that an application has, so that what Starlette's own search
through the routes costs is left out, and once more behind them, so that it is in both sides of the
difference.
"""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from fastapi import Depends, FastAPI

from kinde_guard import KindeGuard, require_scopes
from tests.benchmarks.asgi import Traffic
from tests.benchmarks.comparison.cases import with_fresh
from tests.benchmarks.identity import AUDIENCE, Identity, Mint
from tests.benchmarks.peers import SCOPE, route
from tests.benchmarks.rounds import Case
from tests.mint import OMIT, b64int

#: Requests in one chunk.
CHUNK = 30
CACHE = 4_096
SEEN = "token seen before"
UNSEEN = "token never seen"
UNSEEN_TEXT = "token never seen, one long claim"
LAST = "token seen before, last route"
IN_FLIGHT = "token drawn at random"

SIZES = (0.6, 1, 2, 4, 8, 12, 15.9)
SCOPES = (1, 50, 100, 200, 300, 400, 500)
TOKENS = (1, 100, 1_000, 4_096, 10_000, 30_000, 100_000)
KEYS = (1, 10, 25, 50, 75, 100)
ROUTES = (1, 100, 250, 500, 750, 1_000)


@dataclass(frozen=True)
class Stock:
    """What the cases are made of: who signs, and the tokens in flight."""

    identity: Identity
    tokens: Sequence[str]


@dataclass(frozen=True)
class Variable:
    """Something that grows.

    Attributes:
        name: what the axis is called.
        points: its values.
        curves: the names of the cost curves over it.
        flat: the curves that must be flat.
        cases: makes the cases of one point, one for each curve in the same order.
        logarithmic: whether its points span orders of magnitude.
    """

    name: str
    points: Sequence[float]
    curves: Sequence[str]
    flat: Sequence[str]
    cases: Callable[[Stock, float], Sequence[Case]]
    logarithmic: bool = False

    def case_name(self, curve: str, point: float) -> str:
        return f"{self.name} {point:g}: {curve}"


def guard_of(document: dict[str, Any], url: str) -> KindeGuard:
    """Return a guard that finds this key set."""
    answer = httpx.Response(200, json=document)
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer))
    return KindeGuard(url, audience=AUDIENCE, http_client=client, token_cache_size=CACHE)


def app_of(identity: Identity, *, before: int = 0, behind: int = 0, keys: int = 1) -> FastAPI:
    """Return a guarded application with more routes and a larger key set than it needs."""
    app = FastAPI(openapi_url=None)
    guard_of(with_keys(identity, keys), identity.url).install(app)
    return with_routes(app, before, behind, Depends(require_scopes(SCOPE)))


def with_routes(app: FastAPI, before: int, behind: int, *needs: Any) -> FastAPI:
    """Add the route that is asked for, with its needs, and others.

    Those behind it have the same needs. Those before it have none, so that Starlette's search walks
    over the same objects with a guard and without.
    """
    for number in range(before):
        app.get(f"/before{number}/{{thing}}")(lambda thing: thing)
    route(app, *needs)
    for number in range(behind):
        app.get(f"/behind{number}/{{thing}}", dependencies=list(needs))(lambda thing: thing)
    return app


def with_keys(identity: Identity, count: int) -> dict[str, Any]:
    """Return the key set with others before the one that signs; they only look like RSA keys."""
    (real,) = identity.document["keys"]
    noise = random.Random(3)
    others = [
        {**real, "kid": f"{number:047x}", "n": b64int(noise.getrandbits(2048) | (1 << 2047) | 1)}
        for number in range(count - 1)
    ]
    return {**identity.document, "keys": [*others, real]}


def text(mint: Mint, length: int) -> dict[str, Any]:
    """Return the claim with which a token of this mint is so long: a single string."""
    spare = (length - len(mint.token())) * 3 // 4 - len('"note":"",')
    return {"note": "x" * spare} if spare > 0 else {}


def flags(mint: Mint, length: int) -> dict[str, Any]:
    """Return the claim with which a token of this mint is so long: feature flags."""
    spare = (length - len(mint.token())) * 3 // 4 - len('"feature_flags":{},')
    one = len(json.dumps({"flag_0000": {"t": "b", "v": True}}, separators=(",", ":"))) - 1
    count = max(0, spare // one)
    each = {f"flag_{number:04}": {"t": "b", "v": True} for number in range(count)}
    return {"feature_flags": each} if each else {}


def _pair(
    variable: Variable, point: float, mint: Mint, app: FastAPI, bare: FastAPI
) -> Sequence[Case]:
    token = mint.token()
    baseline = Traffic(bare, tokens=[token] * CHUNK)
    seen = Case(variable.case_name(SEEN, point), Traffic(app, tokens=[token] * CHUNK), baseline)
    name = variable.case_name(UNSEEN, point)
    return seen, with_fresh(name, Traffic(app), baseline, mint.fresh, CHUNK)


def by_size(stock: Stock, kibibytes: float) -> Sequence[Case]:
    identity = stock.identity
    changes = {} if kibibytes >= 1 else {"gty": OMIT, "scp": OMIT, "v": OMIT}
    mint, plainer = identity.mint(SCOPE, **changes), identity.mint(SCOPE, **changes)
    mint.changes |= flags(mint, int(kibibytes * 1024))
    plainer.changes |= text(plainer, int(kibibytes * 1024))
    pair = _pair(SIZE, kibibytes, mint, app_of(identity), bare_app())
    name = SIZE.case_name(UNSEEN_TEXT, kibibytes)
    traffic, bare = Traffic(app_of(identity)), Traffic(bare_app(), tokens=plainer.fresh(CHUNK))
    return *pair, with_fresh(name, traffic, bare, plainer.fresh, CHUNK)


def by_scopes(stock: Stock, count: float) -> Sequence[Case]:
    identity = stock.identity
    longest = len(_scoped(identity, SCOPES[-1]).token())
    mint = _scoped(identity, int(count))
    mint.changes |= text(mint, longest)
    return _pair(SCOPE_COUNT, count, mint, app_of(identity), bare_app())


def _scoped(identity: Identity, count: int) -> Mint:
    others = (f"read:thing_{number:03}" for number in range(count - 1))
    return identity.mint(SCOPE, *others, scp=OMIT)


def by_keys(stock: Stock, count: float) -> Sequence[Case]:
    identity = stock.identity
    app = app_of(identity, keys=int(count))
    return _pair(KEY_COUNT, count, identity.mint(), app, bare_app())


def by_routes(stock: Stock, count: float) -> Sequence[Case]:
    identity = stock.identity
    others = int(count) - 1
    first = with_routes(FastAPI(openapi_url=None), 0, others)
    last = with_routes(FastAPI(openapi_url=None), others, 0)
    pair = _pair(ROUTE_COUNT, count, identity.mint(), app_of(identity, behind=others), first)
    tokens = [identity.mint().token()] * CHUNK
    # A request that walks over a thousand routes takes a millisecond, and the median one too much
    # that is not the guard's; so the best one of each chunk counts.
    guarded = Traffic(app_of(identity, before=others), tokens=tokens, average=min)
    bare = Traffic(last, tokens=tokens, average=min)
    return *pair, Case(ROUTE_COUNT.case_name(LAST, count), guarded, bare)


def by_tokens(stock: Stock, count: float) -> Sequence[Case]:
    pool = stock.tokens[: int(count)]
    draw = random.Random(4)
    # Some are remembered and some are not, so the median would jump from the one cost to the other.
    traffic = Traffic(app_of(stock.identity), average=statistics.fmean)
    bare = Traffic(bare_app(), tokens=[pool[0]] * CHUNK, average=statistics.fmean)
    name = TOKEN_COUNT.case_name(IN_FLIGHT, count)
    return [with_fresh(name, traffic, bare, lambda size: draw.choices(pool, k=size), CHUNK)]


@cache
def bare_app() -> FastAPI:
    return route(FastAPI(openapi_url=None))


SIZE = Variable("token size, KiB", SIZES, (SEEN, UNSEEN, UNSEEN_TEXT), (), by_size)
SCOPE_COUNT = Variable("scopes in the token", SCOPES, (SEEN, UNSEEN), (SEEN,), by_scopes)
KEY_COUNT = Variable("keys in the set", KEYS, (SEEN, UNSEEN), (SEEN,), by_keys)
ROUTE_COUNT = Variable("routes in the app", ROUTES, (SEEN, UNSEEN, LAST), (SEEN,), by_routes)
TOKEN_COUNT = Variable(
    f"tokens in flight, {CACHE:,} remembered", TOKENS, (IN_FLIGHT,), (), by_tokens, True
)
VARIABLES = (SIZE, SCOPE_COUNT, KEY_COUNT, ROUTE_COUNT, TOKEN_COUNT)
