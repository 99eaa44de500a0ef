"""A token request under way, and how those who wait for it do so.

Whoever waits may leave, by a time-out, a cancellation or a dying thread, without a trace: there is
no lock to be held and nothing to be handed on. The outcome is a value, never a raised exception, so
that a thousand waiters do not share one traceback.
"""

from __future__ import annotations

import asyncio
from concurrent import futures
from contextlib import suppress

from kinde_guard.client.token_request import Outcome


class Flight:
    """Lands once, with an outcome, or with None if it was given up and somebody is to try again."""

    __slots__ = ("_future", "loop", "task")

    def __init__(self) -> None:
        self._future: futures.Future[Outcome | None] = futures.Future()
        # A future that runs cannot be cancelled, so a waiter's end is nobody else's.
        self._future.set_running_or_notify_cancel()
        self.loop: asyncio.AbstractEventLoop | None = None
        """The event loop that it needs to go on, if it needs one."""
        self.task: asyncio.Task[None] | None = None

    @property
    def has_landed(self) -> bool:
        """Whether there is an outcome."""
        return self._future.done()

    @property
    def outcome(self) -> Outcome | None:
        """The outcome, once it has landed."""
        return self._future.result(timeout=0)

    def land(self, outcome: Outcome | None) -> None:
        """Give the outcome to all who wait. Only the first time counts."""
        with suppress(futures.InvalidStateError):
            self._future.set_result(outcome)

    def wait(self, seconds: float) -> None:
        """Block until it lands, or for so many seconds."""
        futures.wait([self._future], timeout=seconds)

    async def wait_async(self, seconds: float) -> None:
        """Wait until it lands, or for so many seconds; any event loop may."""
        waiter = asyncio.wrap_future(self._future)
        try:
            await asyncio.wait([waiter], timeout=seconds)
        finally:
            # The event loop may end before the flight does, and must not be called then.
            waiter.cancel()
