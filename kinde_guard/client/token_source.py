"""The token in hand, kept fresh with as few requests as can be: Kinde bills each of them.

States of the token in hand, by the time it has left (of the shorter: seconds, or part of the time
that it had when it came):

=======  =============================  ========================================================
state    time left                      a caller
=======  =============================  ========================================================
fresh    more than 60 s, or a fifth     is served at once
due      less                           is served at once; a renewal is started
spent    less than 10 s, or a tenth     waits for another token
refused  any: an API answered it 401    waits for another token
=======  =============================  ========================================================

One request serves all who wait, in whichever threads and event loops. After a failure nobody asks
again for 1 s, then 2, 4, 8 and so on up to 60 s (longer, up to 300 s, if the server says so); until
then everyone gets the same error without a request, and the first who comes after that asks again.
A token that was refused is replaced at once, but at most once in ``refusal_cooldown`` seconds: an
API that refuses every token does not cost one a call.

There is no lock. A flight is boarded by ``dict.setdefault``, which lets one win, and the dictionary
is keyed by process, so that a forked child does not wait for its parent's thread.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import math
import os
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from kinde_guard.client.errors import ClientCredentialsError
from kinde_guard.client.grant import TokenGrant
from kinde_guard.client.launch import Land, Launcher
from kinde_guard.client.single_flight import Flight
from kinde_guard.client.token_request import Outcome, TokenRequest

logger = logging.getLogger("kinde_guard.client")

DUE: Final = (60.0, 1 / 5)
SPENT: Final = (10.0, 1 / 10)
"""Seconds left, or part of the lifetime left, whichever is less."""

MAX_PAUSE: Final = 60.0
MAX_PAUSE_ASKED_FOR: Final = 300.0
PATIENCE: Final = 1.0
"""Seconds by which those who wait outlast the request's own time-out."""

Start = Callable[[Flight, Land], None]


class _Held:
    """A grant in hand, with the times at which its state changes, in epoch seconds."""

    __slots__ = ("due_at", "grant", "is_refused", "spent_at")

    def __init__(self, grant: TokenGrant, now: float) -> None:
        end = grant.expires_at.timestamp()
        self.grant = grant
        self.due_at, self.spent_at = (
            end - min(span, (end - now) * part) for span, part in (DUE, SPENT)
        )
        self.is_refused = False


class _Pause:
    """Why nobody asks, and until when on the monotonic clock."""

    __slots__ = ("error", "failures", "until")

    def __init__(self, error: ClientCredentialsError, failures: int, now: float) -> None:
        delay = min(MAX_PAUSE, 2.0 ** min(failures - 1, 10))
        if failures > 1:
            # Spread a fleet whose processes all failed at one moment.
            delay *= random.uniform(0.8, 1.0)  # noqa: S311 - no secret
        asked_for = min(error.retry_after or 0.0, MAX_PAUSE_ASKED_FOR)
        self.error = error
        self.failures = failures
        self.until = now + max(delay, asked_for)


class TokenSource:
    """Gives out a token that is good, asking for one only where there is none.

    Args:
        request: what is asked.
        launcher: carries requests out.
        monotonic: the clock of all pauses, in seconds.
        refusal_cooldown: seconds after a refused token was dropped before the next may be.
    """

    def __init__(
        self,
        request: TokenRequest,
        launcher: Launcher,
        *,
        monotonic: Callable[[], float],
        refusal_cooldown: float,
    ) -> None:
        self._request = request
        self._launcher = launcher
        self._clock = request.clock
        self._monotonic = monotonic
        self._refusal_cooldown = refusal_cooldown
        self._droppable_at = -math.inf
        self._patience = request.timeout + PATIENCE
        self._held: _Held | None = None
        self._pause: _Pause | None = None
        self._flights: dict[int, Flight] = {}

    @property
    def in_hand(self) -> TokenGrant | None:
        """The grant that may be used now and is not due yet."""
        held = self._held
        if held is None or held.is_refused or self._clock() >= held.due_at:
            return None
        return held.grant

    def fetch(self) -> TokenGrant:
        """Return a good grant, blocking until there is one."""
        while True:
            found = self._find(self._launcher.for_sync)
            if isinstance(found, TokenGrant):
                return found
            if found.loop is not None and found.loop is _running_loop():
                # It could never land: this very call keeps its event loop from running.
                found = self._relaunch(self._launcher.for_sync)
            found.wait(self._patience)
            grant = self._arrived(found)
            if grant is not None:
                return grant

    async def afetch(self) -> TokenGrant:
        """Return a good grant, letting others run until there is one."""
        while True:
            found = self._find(self._launcher.for_async)
            if isinstance(found, TokenGrant):
                return found
            await found.wait_async(self._patience)
            grant = self._arrived(found)
            if grant is not None:
                return grant

    def refuse(self, grant: TokenGrant) -> bool:
        """Drop ``grant``, which an API refused, and no other.

        Returns:
            Whether asking again makes sense: there is another grant, or one may be asked for.
        """
        held = self._held
        if held is None or held.grant is not grant or held.is_refused:
            return True
        now = self._monotonic()
        if now < self._droppable_at:
            return False
        self._droppable_at = now + self._refusal_cooldown
        held.is_refused = True
        return True

    def forget(self) -> None:
        """Drop the grant in hand, the memory of failures, and what a flight may still bring."""
        self._flights.pop(os.getpid(), None)
        self._held, self._pause, self._droppable_at = None, None, -math.inf

    def _find(self, start: Start) -> TokenGrant | Flight:
        """Return a grant that will do, or the flight to wait for."""
        held, pause = self._held, self._pausing()
        if held is not None and not held.is_refused:
            now = self._clock()
            if now < held.spent_at:
                if now >= held.due_at and pause is None:
                    self._board(start)
                return held.grant
        if pause is not None:
            raise copy.copy(pause.error)
        return self._board(start)

    def _pausing(self) -> _Pause | None:
        pause = self._pause
        return pause if pause is not None and self._monotonic() < pause.until else None

    def _board(self, start: Start) -> Flight:
        mine = Flight()
        flight = self._flights.setdefault(os.getpid(), mine)
        if flight is mine:
            self._take_off(mine, start)
        return flight

    def _take_off(self, flight: Flight, start: Start) -> None:
        try:
            # The flight before may have landed since its absence made us board this one.
            known = self._known()
            if known is None:
                start(flight, self._land)
            else:
                self._flights.pop(os.getpid(), None)
                flight.land(known)
        except BaseException:
            self._land(flight, None)
            raise

    def _known(self) -> Outcome | None:
        grant, pause = self.in_hand, self._pausing()
        return grant if grant is not None or pause is None else pause.error

    def _relaunch(self, start: Start) -> Flight:
        flight = self._flights[os.getpid()] = Flight()
        self._take_off(flight, start)
        return flight

    def _land(self, flight: Flight, outcome: Outcome | None) -> None:
        if self._flights.get(os.getpid()) is flight and not flight.has_landed:
            # First keep, then clear the way: who comes in between finds one or the other.
            self._keep(outcome)
            self._flights.pop(os.getpid(), None)
        flight.land(outcome)

    def _keep(self, outcome: Outcome | None) -> None:
        if isinstance(outcome, TokenGrant):
            self._held, self._pause = _Held(outcome, self._clock()), None
            logger.debug("got a token from %s", self._request.reader.url)
        elif outcome is not None:
            failures = self._pause.failures + 1 if self._pause else 1
            self._pause = _Pause(outcome, failures, self._monotonic())
            # Those who wait are told by an error; where the token in hand serves on, nobody is.
            level = logging.DEBUG if self._held is None else logging.WARNING
            logger.log(level, "%s Nobody asks again before a pause is over.", outcome)

    def _arrived(self, flight: Flight) -> TokenGrant | None:
        """Return what a flight brought; None if it was given up and another is to be boarded."""
        if not flight.has_landed:
            self._land(flight, self._request.too_slow())
        outcome = flight.outcome
        if isinstance(outcome, ClientCredentialsError):
            # Everyone gets an error of their own: a shared one would collect their tracebacks.
            raise copy.copy(outcome)
        return outcome


def _running_loop() -> object:
    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None
