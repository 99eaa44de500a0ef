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

One request serves all who wait, in whichever threads and event loops. After a failure no request
is made for 1 s, then 2, 4, 8 and so on up to 60 s (longer, up to 300 s, if the server says so);
until then every caller gets the same error, and the first one after that asks again. A token that
was refused is replaced at once, but at most once in ``refusal_cooldown`` seconds: an API that
refuses every token does not cost a token a call. A request that stood still with its process is
made anew, since its failure says nothing about the server.

There is no lock. ``dict.setdefault`` lets a single caller start a request, and the dictionary is
keyed by process, so that a forked child does not wait for its parent's thread.
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

from kinde_guard.client.errors import ClientCredentialsError, TokenEndpointUnavailable
from kinde_guard.client.grant import TokenGrant
from kinde_guard.client.launch import Complete, Launcher
from kinde_guard.client.pending_request import PendingRequest
from kinde_guard.client.token_request import Outcome, TokenRequest
from kinde_guard.vocabulary.attempt import Attempt

logger = logging.getLogger("kinde_guard.client")

REFRESH_BEHIND: Final = (60.0, 1 / 5)
REFRESH_BLOCKING: Final = (10.0, 1 / 10)
"""Seconds left, or part of the lifetime left, whichever is less."""

MAX_PAUSE: Final = 60.0
MAX_PAUSE_ASKED_FOR: Final = 300.0
WAIT_MARGIN: Final = 1.0
"""Seconds by which callers outlast the request's own time-out."""

MAX_ATTEMPTS: Final = 3
"""Requests for which a caller waits where they are given up."""

Start = Callable[[PendingRequest, Complete], None]


class _CachedGrant:
    """A grant in hand, with the times at which its state changes, in epoch seconds."""

    __slots__ = ("due_at", "grant", "is_refused", "spent_at")

    def __init__(self, grant: TokenGrant, now: float) -> None:
        end = grant.expires_at.timestamp()
        self.grant = grant
        self.due_at, self.spent_at = (
            end - min(span, (end - now) * part) for span, part in (REFRESH_BEHIND, REFRESH_BLOCKING)
        )
        self.is_refused = False


class _Backoff:
    """Why no request is made, and for how long on the monotonic clock."""

    __slots__ = ("_began_at", "_delay", "error", "failures")

    def __init__(self, error: ClientCredentialsError, failures: int, now: float) -> None:
        delay = min(MAX_PAUSE, 2.0 ** min(failures - 1, 10))
        if failures > 1:
            # Spread a fleet whose processes all failed at one moment.
            delay *= random.uniform(0.8, 1.0)  # noqa: S311 - no secret
        asked_for = min(error.retry_after or 0.0, MAX_PAUSE_ASKED_FOR)
        self.error = error
        self.failures = failures
        self._began_at, self._delay = now, max(delay, asked_for)

    def is_over(self, now: float) -> bool:
        """Tell whether a request may be made; a clock that was set back ends a pause too."""
        return not 0 <= now - self._began_at < self._delay


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
        self._longest_wait = request.timeout + WAIT_MARGIN
        self._cached: _CachedGrant | None = None
        self._backoff: _Backoff | None = None
        self._pending: dict[int, PendingRequest] = {}

    @property
    def current_or_none(self) -> TokenGrant | None:
        """The grant that may be used now and is not due yet."""
        cached = self._cached
        if cached is None or cached.is_refused or self._clock() >= cached.due_at:
            return None
        return cached.grant

    def fetch(self) -> TokenGrant:
        """Return a good grant, blocking until there is one."""
        for _ in range(MAX_ATTEMPTS):
            pending = self._find(self._launcher.for_sync)
            if isinstance(pending, TokenGrant):
                return pending
            if pending.loop is not None and pending.loop is _running_loop():
                # It could never complete: this very call keeps its event loop from running.
                pending = self._replace(self._launcher.for_sync)
            pending.wait(self._longest_wait)
            grant = self._result_of(pending)
            if grant is not None:
                return grant
        raise self._give_up()

    async def afetch(self) -> TokenGrant:
        """Return a good grant, letting other tasks run until there is one."""
        for _ in range(MAX_ATTEMPTS):
            pending = self._find(self._launcher.for_async)
            if isinstance(pending, TokenGrant):
                return pending
            await pending.wait_async(self._longest_wait)
            grant = self._result_of(pending)
            if grant is not None:
                return grant
        raise self._give_up()

    def refuse(self, grant: TokenGrant) -> bool:
        """Drop ``grant``, which an API refused, and no other.

        Returns:
            Whether asking again makes sense: there is another grant, or one may be asked for.
        """
        cached = self._cached
        if cached is None or cached.grant is not grant or cached.is_refused:
            return True
        now = self._monotonic()
        if now < self._droppable_at:
            return False
        self._droppable_at = now + self._refusal_cooldown
        cached.is_refused = True
        return True

    def forget(self) -> None:
        """Drop the grant in hand, the memory of failures, and what a request may still bring."""
        self._pending.pop(os.getpid(), None)
        self._cached, self._backoff, self._droppable_at = None, None, -math.inf

    def _find(self, start: Start) -> TokenGrant | PendingRequest:
        """Return a grant that will do, or the request to wait for."""
        cached, backoff = self._cached, self._current_backoff()
        if cached is not None and not cached.is_refused:
            now = self._clock()
            if now < cached.spent_at:
                if now >= cached.due_at and backoff is None:
                    self._join_or_start(start)
                return cached.grant
        if backoff is not None:
            raise copy.copy(backoff.error)
        return self._join_or_start(start)

    def _current_backoff(self) -> _Backoff | None:
        backoff = self._backoff
        return None if backoff is None or backoff.is_over(self._monotonic()) else backoff

    def _new_request(self) -> PendingRequest:
        return PendingRequest(Attempt(0, self._request.timeout, self._monotonic))

    def _join_or_start(self, start: Start) -> PendingRequest:
        mine = self._new_request()
        pending = self._pending.setdefault(os.getpid(), mine)
        if pending is mine:
            self._start(mine, start)
        elif pending.attempt.is_overdue:
            # It stood still with its process: whatever it brings is not waited for.
            self._complete(pending, None)
            return self._join_or_start(start)
        return pending

    def _start(self, pending: PendingRequest, start: Start) -> None:
        try:
            # The request before may have completed since its absence made us start this one.
            known = self._known()
            if known is None:
                start(pending, self._complete)
            else:
                self._pending.pop(os.getpid(), None)
                pending.complete(known)
        except BaseException:
            self._complete(pending, None)
            raise

    def _known(self) -> Outcome | None:
        grant, backoff = self.current_or_none, self._current_backoff()
        return grant if grant is not None or backoff is None else backoff.error

    def _replace(self, start: Start) -> PendingRequest:
        pending = self._pending[os.getpid()] = self._new_request()
        self._start(pending, start)
        return pending

    def _complete(self, pending: PendingRequest, outcome: Outcome | None) -> None:
        if _stood_still(pending, outcome):
            outcome = None
        if self._pending.get(os.getpid()) is pending and not pending.is_complete:
            # Keep first, then clear the way: a caller in between meets the one or the other.
            self._keep(outcome)
            self._pending.pop(os.getpid(), None)
        pending.complete(outcome)

    def _keep(self, outcome: Outcome | None) -> None:
        if isinstance(outcome, TokenGrant):
            self._cached, self._backoff = _CachedGrant(outcome, self._clock()), None
            logger.debug("got a token from %s", self._request.reader.url)
        elif outcome is not None:
            failures = self._backoff.failures + 1 if self._backoff else 1
            self._backoff = _Backoff(outcome, failures, self._monotonic())
            # Callers that wait get the error; where the token in hand serves on, none does.
            level = logging.DEBUG if self._cached is None else logging.WARNING
            logger.log(level, "%s It is not asked again before a pause is over.", outcome)

    def _result_of(self, pending: PendingRequest) -> TokenGrant | None:
        """Return what a request brought; None if it was given up and is to be made anew."""
        if not pending.is_complete:
            self._complete(pending, self._request.too_slow())
        outcome = pending.outcome
        if isinstance(outcome, ClientCredentialsError):
            # An error of its own for each caller: a shared one would collect their tracebacks.
            raise copy.copy(outcome)
        return outcome

    def _give_up(self) -> ClientCredentialsError:
        error = self._request.too_slow()
        self._keep(error)
        return copy.copy(error)


def _stood_still(pending: PendingRequest, outcome: Outcome | None) -> bool:
    """Tell whether a request got no answer because its process stood still."""
    if not isinstance(outcome, TokenEndpointUnavailable) or outcome.status is not None:
        return False
    pending.attempt.look()
    return pending.attempt.stood_still


def _running_loop() -> object:
    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None
