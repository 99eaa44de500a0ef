"""One look-up of a key under way in each event loop at most, for all who wait for it there.

A waiter that is cancelled does not end it. Nothing is bound to an event loop before a look-up
starts in it, and what is kept of an event loop that has ended goes when another starts a look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from kinde_guard.vocabulary.event_loop import BackgroundTask, running_loop

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Background tasks by digest.

    Args:
        name: of the tasks.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._under_way: dict[Hashable, dict[bytes, BackgroundTask[T]]] = {}

    def get(self, digest: bytes) -> BackgroundTask[T] | None:
        """Return the task that is under way here for a digest, if there is one."""
        task = self._under_way.get(running_loop().key, {}).get(digest)
        return None if task is None or task.done else task

    def start(self, digest: bytes, work: Callable[[], Coroutine[Any, Any, T]]) -> BackgroundTask[T]:
        """Start a task for a digest that has none under way here."""
        loop = running_loop()
        if loop.key not in self._under_way:
            self._forget_ended()
        tasks = self._under_way.setdefault(loop.key, {})

        async def carry_out() -> T:
            try:
                return await work()
            finally:
                tasks.pop(digest, None)

        task = tasks[digest] = loop.start(carry_out, self._name)
        return task

    async def cancel(self) -> None:
        """Cancel the tasks that are under way in this event loop, and wait for their end."""
        tasks = self._under_way.pop(running_loop().key, {})
        ending = list(tasks.values())
        for task in ending:
            task.cancel()
        for task in ending:
            await task.result()

    def _forget_ended(self) -> None:
        # Of event loops that have ended, or have nothing to do. A copy, because they may run in
        # other threads.
        for key, tasks in list(self._under_way.items()):
            if all(task.done for task in list(tasks.values())):
                self._under_way.pop(key, None)
