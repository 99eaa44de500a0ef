"""The same bytes to a guarded and an unguarded server, case by case, and what came of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from tests.attack.servers.corpus import DENIED, Case
from tests.attack.servers.serving import Server
from tests.attack.servers.verdict import differences, offences
from tests.attack.servers.wire import Line, Outcome, Speech

#: Clients at one time. Some of them wait for servers that never answer.
CLIENTS: Final = 24
#: Seconds for an answer; where none came, and it matters, the case is repeated with more.
PATIENCE: Final = 1.0
MORE_PATIENCE: Final = 15.0
REPEATS: Final = 12
PROVOCATIONS: Final = 10
#: The share of the cases after which the memory of a server is taken for what it needs.
WARM_UP: Final = 0.5


@dataclass(frozen=True)
class Finding:
    """Something that may not be, and the bytes that lead to it."""

    case: Case
    wrong: list[str]
    guarded: Outcome
    unguarded: Outcome

    def __str__(self) -> str:
        sent = b"".join(self.case.speech.pieces)
        return (
            f"{self.case.family}: {'; '.join(self.wrong)}\n"
            f"  with a guard {self.guarded}, without {self.unguarded}\n"
            f"  {len(sent)} bytes: {sent[:300]!r}"
        )


@dataclass
class Campaign:
    """A run against one pair of servers.

    Attributes:
        guarded: the server with the guard.
        unguarded: the same server and application without one.
        findings: what was wrong.
        answers: how many answers of the guarded server were the guard's, the application's and the
            server's own.
        memory: of both servers in bytes, after the warm-up and at the end.
        done: how many cases were spoken.
    """

    guarded: Server
    unguarded: Server
    findings: list[Finding] = field(default_factory=list)
    answers: dict[str, int] = field(
        default_factory=lambda: {"guard": 0, "application": 0, "server": 0, "none": 0}
    )
    memory: list[tuple[int, int]] = field(default_factory=list)
    done: int = 0

    async def run(
        self, cases: Iterable[Case], number: int, advance: Callable[[], None] = lambda: None
    ) -> None:
        """Speak all cases to both servers.

        Args:
            cases: what to say.
            number: how many they are.
            advance: called after each case.
        """
        supply = iter(cases)

        def went_on() -> None:
            self.done += 1
            advance()
            if self.done == int(number * WARM_UP):
                self._weigh()

        await asyncio.gather(*(self._client(supply, went_on) for _ in range(CLIENTS)))
        self._weigh()
        await self._provoke()

    async def _provoke(self) -> None:
        """Let the unguarded server show its own trouble with denials, which the guard needs."""
        for leaving in (True, False) * PROVOCATIONS:
            line = Line(self.unguarded.port, PATIENCE)
            await line.speak(Speech((DENIED,), (), reusable=False, half_close=leaving))

    def _weigh(self) -> None:
        self.memory.append((self.guarded.memory, self.unguarded.memory))

    async def _client(self, supply: Iterable[Case], went_on: Callable[[], None]) -> None:
        guarded, unguarded = (Line(server.port, PATIENCE) for server in self._servers)
        last: tuple[Case, Outcome, Outcome] | None = None
        for case in supply:
            heard = case, await guarded.speak(case.speech), await unguarded.speak(case.speech)
            # Only now is it known whether the connections were kept after the last case.
            if last is not None:
                await self._judge(*last)
            last = heard
            went_on()
        if last is not None:
            await self._judge(*last)
        await guarded.hang_up()
        await unguarded.hang_up()

    async def _judge(self, case: Case, guarded: Outcome, unguarded: Outcome) -> None:
        self._count(guarded)
        wrong = offences(case, guarded, unguarded)
        if not wrong and differences(case, guarded, unguarded):
            wrong, guarded, unguarded = await self._repeated(case)
        if wrong:
            self.findings.append(Finding(case, wrong, guarded, unguarded))

    async def _repeated(self, case: Case) -> tuple[list[str], Outcome, Outcome]:
        """Return what is wrong each time that the case is repeated on fresh connections."""
        for _ in range(REPEATS):
            guarded, unguarded = [await _alone(server, case.speech) for server in self._servers]
            wrong = offences(case, guarded, unguarded)
            if wrong:
                break
            wrong = differences(case, guarded, unguarded)
            if not wrong:
                break
        return wrong, guarded, unguarded

    @property
    def _servers(self) -> tuple[Server, Server]:
        return self.guarded, self.unguarded

    def _count(self, outcome: Outcome) -> None:
        for reply in outcome.replies:
            who = "application" if reply.by_application else "server"
            self.answers["guard" if reply.refused_by_guard else who] += 1
        self.answers["none"] += not outcome.replies


async def _alone(server: Server, speech: Speech) -> Outcome:
    line = Line(server.port, MORE_PATIENCE)
    outcome = await line.speak(speech)
    await line.probe(outcome)
    await line.hang_up()
    return outcome


def shuffled(seed: int, name: str) -> random.Random:
    """Return a generator of its own for each server, so that they get different cases."""
    return random.Random(f"{seed} {name}")
