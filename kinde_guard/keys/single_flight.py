"""One piece of work under way in each event loop at most, for all who wait for it there.

Whoever waits may leave without ending it. Nothing is bound to an event loop before somebody asks in
it, and what is kept of an event loop goes when the next piece of work starts, in whichever.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from kinde_guard.vocabulary.event_loop import Run, Work, running_loop

T = TypeVar("T")


class Flights(Generic[T]):
    """The runs of one kind of work.

    Args:
        work: gives the result that all who wait see.
        name: of the background runs.
    """

    def __init__(self, work: Work[T], name: str) -> None:
        self._work = work
        self._name = name
        self._under_way: dict[Hashable, Run[T]] = {}

    def join(self) -> Run[T]:
        """Return the run that is under way here; one is started if there is none.

        Raises:
            RuntimeError: no event loop runs in this thread.
        """
        loop = running_loop()
        run = self._under_way.get(loop.key)
        if run is None or run.done:
            self._forget_ended()
            run = self._under_way[loop.key] = loop.start(self._work, self._name)
        return run

    async def cancel(self) -> None:
        """End the run that is under way here, if there is one."""
        run = self._under_way.pop(running_loop().key, None)
        if run is not None:
            run.cancel()
            await run.result()

    def _forget_ended(self) -> None:
        # Of other event loops too, which may have ended with their work. A copy, because they may
        # run in other threads.
        for key, run in list(self._under_way.items()):
            if run.done:
                self._under_way.pop(key, None)
