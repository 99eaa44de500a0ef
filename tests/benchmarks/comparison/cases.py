"""What is compared: this guard in its usual situations, and the peers with the same traffic."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import httpx
from fastapi import Depends, FastAPI

from kinde_guard import KindeGuard, require_scopes
from tests.benchmarks.asgi import Traffic, status
from tests.benchmarks.environment import refusals
from tests.benchmarks.identity import AUDIENCE, Identity, Mint
from tests.benchmarks.peers import PEERS, SCOPE, Peer, route
from tests.benchmarks.rounds import Case

SCOPES = ("read:users", "read:roles", "update:users")

#: Requests in one chunk: some milliseconds of work, for a guard of microseconds and for a slow one.
CHUNK = 40
PEER_CHUNK = 20

UNGUARDED = "no guard"
SEEN = "token seen before"
UNSEEN = "token never seen"
FORGED = "forged signature"
EXPIRED = "expired token"
MISSING = "no token"
THREE = "token seen before, three scopes"
NO_DOCS = "token seen before, app without docs"
NO_CACHE = "every token verified, cache off"


@dataclass(frozen=True)
class Met:
    """A peer as it was met: its version and its answers, or why it could not be measured."""

    peer: Peer
    version: str
    reason: str = ""
    good: int = 0
    forged: int = 0
    expired: int = 0


@dataclass
class Fresh:
    """Fills a chunk with new tokens before each turn."""

    traffic: Traffic
    tokens: Callable[[int], Sequence[str]]
    count: int

    def __call__(self) -> None:
        self.traffic.tokens = self.tokens(self.count)


def plain(*, docs: bool = True) -> FastAPI:
    """Return the application without a guard."""
    return route(FastAPI() if docs else FastAPI(openapi_url=None))


def guarded(
    identity: Identity,
    *scopes: str,
    docs: bool = True,
    token_cache_size: int = 4_096,
) -> FastAPI:
    """Return the application under this guard, as the README says.

    Args:
        identity: who issues the tokens.
        scopes: those that the route asks for.
        docs: whether the application has an OpenAPI document.
        token_cache_size: the guard's setting.
    """
    answer = httpx.Response(200, json=identity.document)
    guard = KindeGuard(
        identity.url,
        audience=AUDIENCE,
        token_cache_size=token_cache_size,
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)),
    )
    app = FastAPI() if docs else FastAPI(openapi_url=None)
    guard.install(app)
    return route(app, Depends(require_scopes(*scopes)))


def own_cases(identity: Identity) -> list[Case]:
    """Return the cases of this guard, each beside the same route without one."""
    mint = identity.mint(*SCOPES)
    seen, expired = [mint.token()] * CHUNK, mint.expired(CHUNK)
    app, bare = guarded(identity, SCOPE), Traffic(plain(), tokens=seen)
    no_docs = Traffic(plain(docs=False), tokens=seen)
    three, undocumented = guarded(identity, *SCOPES), guarded(identity, SCOPE, docs=False)
    uncached = guarded(identity, SCOPE, token_cache_size=0)
    return [
        Case(UNGUARDED, Traffic(plain(), tokens=seen), bare),
        Case(SEEN, Traffic(app, tokens=seen), bare),
        Case(THREE, Traffic(three, tokens=seen), bare),
        Case(NO_DOCS, Traffic(undocumented, tokens=seen), no_docs),
        with_fresh(UNSEEN, Traffic(app), bare, mint.fresh, CHUNK),
        Case(NO_CACHE, Traffic(uncached, tokens=seen), bare),
        with_fresh(FORGED, Traffic(app, 401), bare, forger(mint), CHUNK),
        Case(EXPIRED, Traffic(app, 401, tokens=expired), bare),
        Case(MISSING, Traffic(app, 401, tokens=[None] * CHUNK), bare),
    ]


def with_fresh(
    name: str,
    traffic: Traffic,
    baseline: Traffic,
    tokens: Callable[[int], Sequence[str]],
    count: int,
) -> Case:
    """Return a case whose tokens are new in every chunk."""
    return Case(name, traffic, baseline, Fresh(traffic, tokens, count))


def forger(mint: Mint) -> Callable[[int], Sequence[str]]:
    forgeries = mint.forgeries()
    return lambda count: [next(forgeries) for _ in range(count)]


async def meet(identity: Identity, peers: Iterable[Peer] = PEERS) -> list[tuple[Met, list[Case]]]:
    """Set up each peer and ask it three questions; one that does not answer 200 gets no cases."""
    refused = refusals()
    return [await _meet(peer, identity, refused.get(peer.name, "")) for peer in peers]


async def _meet(peer: Peer, identity: Identity, refused: str) -> tuple[Met, list[Case]]:
    found = _version(peer)
    if refused:
        return Met(peer, found, f"pip: {refused}"), []
    mint = identity.mint(**peer.claims)
    good, forged, expired = mint.token(), next(mint.forgeries()), mint.expired(1)[0]
    try:
        with warnings.catch_warnings(record=True):  # of theirs
            app = peer.build(identity)
        answers = [await status(app, token) for token in (good, forged, expired)]
    except ImportError as error:
        return Met(peer, found, f"cannot be imported: {error}"), []
    except Exception as error:  # noqa: BLE001 - whatever a stranger's code raises is its reason
        return Met(peer, found, f"raised {type(error).__name__}: {error}"), []
    if answers[0] != 200:
        return Met(peer, found, f"answers {answers[0]} to the good token", *answers), []
    return Met(peer, found, "", *answers), _cases_of(peer, app, mint, good, answers)


def _cases_of(
    peer: Peer, app: FastAPI, mint: Mint, good: str, answers: Sequence[int]
) -> list[Case]:
    seen = [good] * PEER_CHUNK
    bare = Traffic(plain(), tokens=seen)
    return [
        Case(f"{peer.name}: {SEEN}", Traffic(app, tokens=seen), bare),
        with_fresh(f"{peer.name}: {UNSEEN}", Traffic(app), bare, mint.fresh, PEER_CHUNK),
        with_fresh(
            f"{peer.name}: {FORGED}", Traffic(app, answers[1]), bare, forger(mint), PEER_CHUNK
        ),
    ]


def _version(peer: Peer) -> str:
    try:
        return version(peer.name if peer.requirement else "pyjwt")
    except PackageNotFoundError:
        return ""
