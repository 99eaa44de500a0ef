"""A token request under way, and how callers wait for it.

A caller may stop waiting, by a time-out, a cancellation or a dying thread, without a trace: no lock
is held and nothing is handed on. The outcome is a value, never a raised exception, so that a
thousand waiters do not share one traceback.
"""

from __future__ import annotations

import asyncio
from concurrent import futures
from contextlib import suppress

from kinde_guard.client.token_request import Outcome
from kinde_guard.vocabulary.attempt import Attempt


class PendingRequest:
    """Completes once, with an outcome, or with None if it was given up and is to be made anew.

    Args:
        attempt: its clock.
    """

    __slots__ = ("_future", "attempt", "loop", "task")

    def __init__(self, attempt: Attempt) -> None:
        self._future: futures.Future[Outcome | None] = futures.Future()
        # A future that runs cannot be cancelled, so the end of one waiter ends no other.
        self._future.set_running_or_notify_cancel()
        self.attempt = attempt
        self.loop: asyncio.AbstractEventLoop | None = None
        """The event loop that it needs to go on, if it needs one."""
        self.task: asyncio.Task[None] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether there is an outcome."""
        return self._future.done()

    @property
    def outcome(self) -> Outcome | None:
        """The outcome, once it is complete."""
        return self._future.result(timeout=0)

    def complete(self, outcome: Outcome | None) -> None:
        """Give the outcome to all who wait. Only the first time counts."""
        with suppress(futures.InvalidStateError):
            self._future.set_result(outcome)

    def wait(self, seconds: float) -> None:
        """Block until it completes, or for so many seconds."""
        futures.wait([self._future], timeout=seconds)

    async def wait_async(self, seconds: float) -> None:
        """Wait until it completes, or for so many seconds; any event loop may."""
        waiter = asyncio.wrap_future(self._future)
        try:
            await asyncio.wait([waiter], timeout=seconds)
        finally:
            # The event loop may end before the request does, and must not be called then.
            waiter.cancel()
