"""Good requests without end, while keys rotate and the key server fails a third of the time.

``python -m tests.attack.soak.soak --seconds 60`` prints what happened, and exits with 1 if any
of this did:

- A request is refused, or waits, though its token is good and its key in hand. In hand is a key
  that was in the last key set which the guard has fetched.
- A request gets in whose token is not good.
- A 401 or a 503 is not the truth about a key that was not in hand.
- A task, a socket or a file is left over.
- Memory grows by 5 % or more after the first quarter.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from unittest.mock import patch

import psutil
from fastapi import Depends, FastAPI
from rich.progress import Progress

from kinde_guard import KindeGuard, require_scopes
from kinde_guard.vocabulary import attempt
from kinde_guard.vocabulary.events import GuardEvent
from tests.attack.soak.issuer import SPEED, Issued, Issuer
from tests.attack.soak.key_server import FlakyKeyServer
from tests.core.exchange import Answer, call
from tests.mint import AUDIENCE

#: Requests between two looks at the clock.
BURST: Final = 20
#: Requests that may wait for keys at one time.
WAITING: Final = 50
#: Seconds between two weighings, and the share of the time that counts as warming up.
WEIGHING: Final = 0.25
WARM_UP: Final = 0.25
#: Smaller than the number of tokens in use, so that it is full, and evicting, all the time.
CACHE: Final = 256
T = TypeVar("T")


@dataclass
class Figures:
    """What happened in a soak, in numbers."""

    seconds: float = 0.0
    good: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    rotations: int = 0
    fetches: int = 0
    failed_fetches: int = 0
    warm_bytes: int = 0
    end_bytes: int = 0
    tasks_left: int = 0
    sockets_left: int = 0
    files_left: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """How much more memory than after the warm-up, as a share of it."""
        return self.end_bytes / self.warm_bytes - 1

    def failed(self, what: str) -> None:
        if len(self.wrong) < 20:
            self.wrong.append(what)


class Unhurried(Generic[T]):
    """Awaits something and counts how often it made the event loop wait."""

    def __init__(self, work: Awaitable[T]) -> None:
        self._work = work
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, T]:
        step = self._work.__await__()
        try:
            while True:
                future = next(step)
                self.waits += 1
                yield future
        except StopIteration as end:
            result: T = end.value
            return result


class Soak:
    """The load and its judge."""

    def __init__(self, issuer: Issuer, server: FlakyKeyServer, chance: random.Random) -> None:
        self.figures = Figures()
        self._issuer = issuer
        self._server = server
        self._chance = chance
        self._in_hand: frozenset[str] = frozenset()
        self._last_fetch_succeeded = True
        self._waiting: set[asyncio.Task[None]] = set()
        self.guard = KindeGuard(
            server.issuer,
            audience=AUDIENCE,
            clock=issuer.clock,
            monotonic=issuer.monotonic,
            token_cache_size=CACHE,
            # The guard's clock runs at SPEED, the key server does not.
            jwks_timeout=5 * SPEED,
            on_event=self._learn,
        )
        self.app = FastAPI()

        @self.app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
        async def list_users() -> dict[str, str]:
            return {"route": "users"}

        self.guard.install(self.app)

    async def run(self, seconds: float, least: int, advance: Callable[[float, int], None]) -> None:
        """Load the application for so many seconds, and until so many good requests were made."""
        begun = time.monotonic()
        weighed: list[int] = []
        next_weighing = 0.0
        me = psutil.Process()
        while (age := time.monotonic() - begun) < seconds or self.figures.good < least:
            self._issuer.pass_time()
            for _ in range(BURST):
                await self._one_request(age)
            if age >= next_weighing:
                next_weighing = age + WEIGHING
                weighed.append(me.memory_info().rss)
                advance(age, self.figures.good)
            await asyncio.sleep(0)
        await asyncio.gather(*self._waiting)
        self.figures.seconds = age
        self._sum_up(weighed)

    def _sum_up(self, weighed: list[int]) -> None:
        tenth = max(1, len(weighed) // 10)
        warm = int(len(weighed) * WARM_UP)
        self.figures.warm_bytes = int(statistics.median(weighed[warm : warm + tenth]))
        self.figures.end_bytes = int(statistics.median(weighed[-tenth:]))
        self.figures.rotations = self._issuer.rotations
        self.figures.fetches = self._server.fetches
        self.figures.failed_fetches = self._server.failures

    def _learn(self, event: GuardEvent) -> None:
        if event.name == "keys_fetched":
            self._in_hand, self._last_fetch_succeeded = self._server.served, True
        elif event.name == "keys_failed":
            self._last_fetch_succeeded = False

    # --- requests ---------------------------------------------------------------------------------

    async def _one_request(self, age: float) -> None:
        dice = self._chance.random()
        if dice < 0.02:
            await self._bad(self._issuer.forged(), "forged")
        elif dice < 0.04 and self._issuer.ended:
            await self._ended(self._chance.choice(self._issuer.ended))
        elif dice < 0.045 and int(age) % 6 < 2:
            self._begin(self._bad(self._issuer.of_unknown_key(), "unknown key"))
        else:
            await self._good(self._chance.choice(self._issuer.live))

    async def _good(self, token: Issued) -> None:
        if token.kid in self._in_hand:
            await self._must_pass(token)
        elif token.kid in self._server.published:
            self._begin(self._early(token))
        else:
            self._begin(self._bad(token.raw, "retired key"))

    def _begin(self, request: Awaitable[None]) -> None:
        """Let a request that may wait for keys do so beside the others."""
        task = asyncio.ensure_future(request)
        if len(self._waiting) >= WAITING:
            task.cancel()
            return
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _must_pass(self, token: Issued) -> None:
        """A good token whose key is in hand."""
        unhurried = Unhurried(self._call(token.raw))
        answer = await unhurried
        self.figures.good += 1
        self._tally("key in hand", answer)
        if answer.status != 200 or unhurried.waits:
            self.figures.failed(f"{answer.status} after {unhurried.waits} waits with {token.kid}")

    async def _early(self, token: Issued) -> None:
        """A good token whose key is published, but was not fetched yet."""
        answer = await self._call(token.raw)
        self._tally("key to be fetched", answer)
        truth = {
            "200": token.kid in self._in_hand,
            "401 unknown_key": self._last_fetch_succeeded and token.kid not in self._in_hand,
            "503 keys_unavailable": not self._last_fetch_succeeded,
        }
        if not truth.get(_name(answer)):
            self.figures.failed(f"{_name(answer)} for {token.kid}, which is published")

    async def _ended(self, token: Issued) -> None:
        """A token that has expired, or is about to, within the leeway."""
        leeway = self.guard.settings.leeway
        if token.kid not in self._in_hand or token.ends_at + leeway > self._issuer.clock.now:
            return
        await self._bad(token.raw, "expired")

    async def _bad(self, raw: str, kind: str) -> None:
        answer = await self._call(raw)
        self._tally(kind, answer)
        if answer.status not in {401, 503}:
            self.figures.failed(f"{answer.status} for a token that is bad: {kind}")

    async def _call(self, raw: str) -> Answer:
        return await call(self.app, "/users", token=raw)

    def _tally(self, kind: str, answer: Answer) -> None:
        self.figures.answers[f"{kind}: {_name(answer)}"] += 1


def _name(answer: Answer) -> str:
    return "200" if answer.status == 200 else f"{answer.status} {answer.json['reason']}"


async def soak(seconds: float, least: int, advance: Callable[[float, int], None]) -> Figures:
    """Soak a guard for so many seconds and count what is left over."""
    chance = random.Random(int(os.environ.get("KINDE_GUARD_SEED", "6")))
    me = psutil.Process()
    await asyncio.to_thread(lambda: None)
    files = me.num_fds()
    async with AsyncExitStack() as stack:
        # Nor does the event loop, which would seem to stand still.
        stack.enter_context(patch.object(attempt, "MAX_GAP", attempt.MAX_GAP * SPEED))
        server = FlakyKeyServer(chance)
        await stack.enter_async_context(server.running())
        issuer = Issuer(server, chance)
        soaking = Soak(issuer, server, chance)
        await stack.enter_async_context(soaking.guard)
        server.fail_from_now_on()
        await soaking.run(seconds, least, advance)
    del stack
    gc.collect()
    await asyncio.sleep(0.1)
    figures = soaking.figures
    figures.tasks_left = len(asyncio.all_tasks()) - 1
    figures.sockets_left = len(me.net_connections())
    figures.files_left = max(0, me.num_fds() - files)
    return figures


def main() -> int:
    """Run a soak from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--least", type=int, default=0, help="good requests to make at least")
    arguments = parser.parse_args()
    # Every failed fetch is logged; here they are meant to fail.
    logging.getLogger("kinde_guard").setLevel(logging.ERROR)
    with Progress(disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("soaking", total=arguments.seconds)

        def advance(age: float, good: int) -> None:
            progress.update(bar, completed=age, description=f"{good:,} good requests")

        figures = asyncio.run(soak(arguments.seconds, arguments.least, advance))
    growth = round(figures.growth, 4)
    print(json.dumps({**vars(figures), "growth": growth}, indent=2))
    left_over = figures.tasks_left or figures.sockets_left or figures.files_left
    return 1 if figures.wrong or left_over or growth >= 0.05 else 0


if __name__ == "__main__":
    sys.exit(main())
