"""What a guarded application does in each state of its keys while each fault lasts.

``observe`` plays one fault in all four states at once, each with a guard, an application and a key
server of its own, and returns what happened as data; the tests judge it and the table shows it. The
clock of the keys' ages is frozen and moved by hand; time-outs and sockets are real.

The play, for each state:

1. where the state has keys: one good request, so that they are in hand; then the fault strikes, and
   requests come while the keys are fresh and cooling down;
2. the keys come to their age; good requests come at once, then requests with unknown key ids, and
   good ones while these wait;
3. for each try of the guard: requests shortly before it is due, and at the moment when it is;
4. the fault ends, the next try comes due, requests come; and once more.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from unittest import mock

from fastapi import Depends, FastAPI

from kinde_guard import GuardStats, KindeGuard, require_scopes
from tests.attack.faults.certificates import Authority, authority
from tests.attack.faults.faults import FAULTS, Fault
from tests.attack.faults.key_site import KeySite
from tests.attack.faults.name_service import NameService
from tests.core.exchange import Answer, call, eventually, settle
from tests.mint import AUDIENCE, KID, FrozenClock, SigningKey, Tenant

MAX_AGE, STALE_FOR, COOLDOWN = 600.0, 86_400.0, 30.0

#: ``jwks_timeout`` where a fault hangs, and where it must not come to that.
SHORT, LONG = 0.8, 5.0

#: Requests that come at once, with good tokens and with unknown key ids.
GOOD, UNKNOWN = 8, 2


class State(Enum):
    """How the keys are when the fault meets them: in hand or not, and their age."""

    COLD = "cold"
    FRESH = "fresh"
    DUE = "past max age"
    TOO_OLD = "past the stale limit"

    @property
    def age(self) -> float:
        ages = {State.FRESH: COOLDOWN, State.DUE: MAX_AGE + 1}
        return ages.get(self, MAX_AGE + STALE_FOR + 1)

    @property
    def has_keys(self) -> bool:
        return self is not State.COLD

    @property
    def trigger(self) -> tuple[int, int]:
        """How many fetches good requests cause here when one is due, and unknown key ids."""
        return (0, 1) if self is State.FRESH else (1, 0)

    @property
    def serves(self) -> bool:
        """Whether the keys in hand may be used."""
        return self in {State.FRESH, State.DUE}


@dataclass(frozen=True)
class Burst:
    """Requests that came at once.

    Attributes:
        answers: to each of them, whole.
        seconds: how long the slowest took.
        ahead: whether all were answered before any fetch of keys ended.
        fetches: fetches of keys that ended because of them.
        failures: how many of these failed.
    """

    answers: tuple[Answer, ...]
    seconds: float
    ahead: bool
    fetches: int
    failures: int

    @property
    def verdicts(self) -> set[tuple[int, str]]:
        return {verdict(answer) for answer in self.answers}


def verdict(answer: Answer) -> tuple[int, str]:
    """Return the status and the reason of an answer."""
    return answer.status, answer.json.get("reason", "")


@dataclass(frozen=True)
class Moment:
    """What good requests met at one moment, and right after them those with unknown key ids."""

    good: Burst
    unknown: Burst

    @property
    def fetches(self) -> int:
        return self.good.fetches + self.unknown.fetches

    @property
    def failures(self) -> int:
        return self.good.failures + self.unknown.failures


@dataclass(frozen=True)
class Try:
    """One more try of the guard to get keys: just before it is due, and when it is."""

    before: Moment
    due: Moment


@dataclass
class Cell:
    """All that happened in one state during one fault."""

    fault: str
    state: State
    tries: list[Try] = field(default_factory=list)
    at_first: Moment | None = None
    overtaking: Burst | None = None
    met: Moment = field(init=False)
    mended: Moment = field(init=False)
    afterwards: Moment = field(init=False)
    connections: int = 0
    fetches: int = 0
    failures: int = 0
    events: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    open_connections: int = 0
    ready: bool = False

    @property
    def timeout(self) -> float:
        """What ``jwks_timeout`` was."""
        return _timeout(FAULTS[self.fault])

    @property
    def healed(self) -> bool:
        """Whether the guard came by keys while the fault lasted."""
        return self.tries[-1].due.failures == 0


class Stage:
    """A guarded application and the site of its keys."""

    def __init__(
        self, fault: Fault, site: KeySite, certificates: Authority, timeout: float
    ) -> None:
        self.site = site
        self.monotonic = FrozenClock(1000.0)
        self.events: list[str] = []
        self._fault = fault
        self._certificates = certificates
        clock = FrozenClock()
        self.guard = KindeGuard(
            site.url,
            audience=AUDIENCE,
            jwks_max_age=MAX_AGE,
            jwks_stale_for=STALE_FOR,
            jwks_cooldown=COOLDOWN,
            jwks_timeout=timeout,
            token_cache_size=2,
            clock=clock,
            monotonic=self.monotonic,
            on_event=lambda event: self.events.append(event.name),
        )
        self.app = guarded(self.guard)
        tenant = Tenant(keys()[0], clock, issuer=site.url)
        strangers = [keys()[1].renamed(f"unknown-{number}") for number in range(UNKNOWN)]
        self.good = [tenant.token("read:users", n=number) for number in range(GOOD // 2)]
        self.unknown = [tenant.token("read:users", key=stranger) for stranger in strangers]

    def strike(self) -> None:
        self._fault.strike(self.site, self._certificates)

    async def requests(self, tokens: list[str], number: int, fetches: int = 0) -> Burst:
        """Send requests at once, and wait for the end of as many fetches as they should cause."""
        before = self.guard.stats
        # One after the other, not by turns: half of the good ones are in the cache of tokens.
        timed = [self._timed(tokens[n * len(tokens) // number]) for n in range(number)]
        answers, seconds = zip(*await asyncio.gather(*timed), strict=True)
        ahead = self._fetches_since(before) == 0
        with suppress(TimeoutError):
            await eventually(lambda: self._fetches_since(before) >= fetches, LONG + 2)
        await settle()
        failures = self.guard.stats.key_fetch_failures - before.key_fetch_failures
        return Burst(answers, max(seconds), ahead, self._fetches_since(before), failures)

    def _fetches_since(self, before: GuardStats) -> int:
        return self.guard.stats.key_fetches - before.key_fetches

    async def _timed(self, token: str) -> tuple[Answer, float]:
        start = time.perf_counter()
        answer = await call(self.app, "/users", token=token)
        return answer, time.perf_counter() - start

    async def moment(self, fetches: tuple[int, int] = (0, 0)) -> Moment:
        """Send good requests and then unknown key ids, which should cause these fetches."""
        good = await self.requests(self.good, GOOD, fetches[0])
        return Moment(good, await self.requests(self.unknown, UNKNOWN, fetches[1]))


def _timeout(fault: Fault) -> float:
    return SHORT if fault.hangs else LONG


@cache
def keys() -> tuple[SigningKey, SigningKey]:
    """Return the issuer's key and a stranger's."""
    return SigningKey.rsa(KID), SigningKey.rsa("unknown")


def guarded(guard: KindeGuard) -> FastAPI:
    """Return the application."""
    app = FastAPI()

    @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
    async def list_users() -> dict[str, str]:
        return {"route": "users"}

    guard.install(app)
    return app


class Matrix:
    """What was observed so far; a fault is played when it is first asked for.

    Args:
        tries: how many tries of the guard to wait for, after the first; ``None`` is a few.
    """

    def __init__(self, tries: int | None = None) -> None:
        self._tries = tries
        self._rows: dict[str, dict[State, Cell]] = {}

    async def row(self, name: str) -> dict[State, Cell]:
        """Return what happened in each state during a fault."""
        if name not in self._rows:
            self._rows[name] = await observe(name, self.tries(name))
        return self._rows[name]

    def tries(self, name: str) -> int:
        """Return how many tries are waited for; where a fault hangs each one costs time."""
        return self._tries or (1 if FAULTS[name].hangs else 3)


async def observe(name: str, tries: int) -> dict[State, Cell]:
    """Play a fault in every state."""
    with surroundings() as (names, certificates):
        plays = [_play(name, state, names, certificates, tries) for state in State]
        return {cell.state: cell for cell in await asyncio.gather(*plays)}


@contextmanager
def surroundings() -> Iterator[tuple[NameService, Authority]]:
    """Answer lookups, and let guards that are made here trust an authority for tests alone."""
    with NameService().answering() as names, authority() as certificates:
        trusted = {"SSL_CERT_FILE": str(certificates.file)}
        with mock.patch.dict(os.environ, trusted):
            yield names, certificates


@asynccontextmanager
async def stage(
    fault: Fault, names: NameService, certificates: Authority, *, timeout: float | None = None
) -> AsyncIterator[Stage]:
    """Set up a guarded application and the site of its keys, which is in order."""
    limit = timeout or _timeout(fault)
    tls = certificates.context() if fault.secure else None
    async with KeySite(keys()[0], names, host=fault.host, tls=tls) as site:
        made = Stage(fault, site, certificates, limit)
        try:
            yield made
        finally:
            await made.guard.aclose()


async def _play(
    name: str, state: State, names: NameService, certificates: Authority, tries: int
) -> Cell:
    async with stage(FAULTS[name], names, certificates) as scene:
        cell = Cell(name, state)
        await _meet(scene, cell)
        await _endure(scene, cell, tries)
        await _recover(scene, cell)
        await _take_stock(scene, cell)
        return cell


async def _meet(scene: Stage, cell: Cell) -> None:
    if cell.state.has_keys:
        await scene.requests(scene.good, 1, 1)
    scene.strike()
    if cell.state.has_keys:
        cell.at_first = await scene.moment()
        scene.monotonic.advance(cell.state.age)
    if cell.state is not State.FRESH:
        cell.met = await scene.moment((1, 0))
        return
    good = await scene.requests(scene.good, GOOD)
    waiting = asyncio.ensure_future(scene.requests(scene.unknown, UNKNOWN, 1))
    await asyncio.sleep(0)
    cell.overtaking = await scene.requests(scene.good, GOOD)
    cell.met = Moment(good, await waiting)


async def _endure(scene: Stage, cell: Cell, tries: int) -> None:
    tried_at = scene.monotonic.now
    for number in range(tries):
        scene.monotonic.now = tried_at + earliest(number) - 0.01
        before = await scene.moment()
        scene.monotonic.now = tried_at = tried_at + latest(number)
        cell.tries.append(Try(before, await scene.moment(cell.state.trigger)))
        if cell.healed:
            return


async def _recover(scene: Stage, cell: Cell) -> None:
    scene.site.mend()
    scene.monotonic.advance(latest(len(cell.tries)))
    cell.mended = await scene.moment((0, 0) if cell.healed else cell.state.trigger)
    cell.afterwards = await scene.moment()


async def _take_stock(scene: Stage, cell: Cell) -> None:
    with suppress(TimeoutError):
        await eventually(lambda: scene.site.open == 0)
    cell.open_connections = scene.site.open
    cell.connections, cell.targets = scene.site.connections, scene.site.targets
    cell.events, cell.ready = scene.events, scene.guard.ready
    stats = scene.guard.stats
    cell.fetches, cell.failures = stats.key_fetches, stats.key_fetch_failures


def earliest(number: int) -> float:
    """Return the shortest pause before a try: 1 s exactly, then with jitter."""
    return latest(number) * (0.8 if number else 1)


def latest(number: int) -> float:
    """Return the longest pause before a try: twice the former one, up to a minute."""
    return min(60.0, 2.0**number)
