"""At most one fetch under way in each event loop, shared by all who wait for it there.

A caller may stop waiting without ending the fetch. Nothing is bound to an event loop before a fetch
starts in it, and what is kept of an event loop goes when the next fetch starts, in whichever.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kinde_guard.vocabulary.attempt import Attempt
from kinde_guard.vocabulary.event_loop import BackgroundTask, running_loop

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fetch(Generic[T]):
    """A fetch that was started.

    Attributes:
        attempt: its clock.
        task: gives its result.
    """

    attempt: Attempt
    task: BackgroundTask[T]


class SingleFlight(Generic[T]):
    """The fetches of one key set.

    Args:
        work: fetches; its result is that of all who wait.
        begin: makes the clock of an attempt.
        name: of the background tasks.
    """

    def __init__(
        self,
        work: Callable[[Attempt], Coroutine[Any, Any, T]],
        begin: Callable[[], Attempt],
        name: str,
    ) -> None:
        self._work = work
        self._begin = begin
        self._name = name
        self._under_way: dict[Hashable, Fetch[T]] = {}

    def join(self) -> Fetch[T]:
        """Return the fetch that is under way here; one is started if there is none.

        One that is older than its time-out stood still: it is replaced, and those who wait for it
        learn that it has no result.

        Raises:
            RuntimeError: no event loop runs in this thread.
        """
        key = running_loop().key
        fetch = self._under_way.get(key)
        if fetch is not None and not fetch.task.done:
            if not fetch.attempt.is_overdue:
                return fetch
            fetch.attempt.stood_still = True
            fetch.task.cancel()
        return self._start(key)

    async def cancel(self) -> None:
        """End the fetch that is under way here, if there is one."""
        fetch = self._under_way.pop(running_loop().key, None)
        if fetch is not None:
            fetch.task.cancel()
            await fetch.task.result()

    def _start(self, key: Hashable) -> Fetch[T]:
        self._forget_ended()
        attempt = self._begin()
        task = running_loop().start(lambda: self._watched(attempt), self._name)
        fetch = self._under_way[key] = Fetch(attempt, task)
        return fetch

    async def _watched(self, attempt: Attempt) -> T:
        watch = running_loop().start(attempt.watch, f"{self._name}, its clock")
        try:
            return await self._work(attempt)
        finally:
            watch.cancel()

    def _forget_ended(self) -> None:
        # Of other event loops too, which may have ended with their fetches. A copy, because they
        # may run in other threads.
        for key, fetch in list(self._under_way.items()):
            if fetch.task.done:
                self._under_way.pop(key, None)
