"""One look-up of a key under way in each event loop at most, for all who wait for it there.

A waiter that is cancelled does not end it. Nothing is bound to an event loop before a look-up
starts in it, and nothing is kept of a look-up that has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from kinde_guard.vocabulary.event_loop import Run, running_loop

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Background tasks by digest.

    Args:
        name: of the tasks.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._under_way: dict[tuple[Hashable, bytes], Run[T]] = {}

    def get(self, digest: bytes) -> Run[T] | None:
        """Return the task that is under way here for a digest, if there is one."""
        task = self._under_way.get((running_loop().key, digest))
        return None if task is None or task.done else task

    def start(self, digest: bytes, work: Callable[[], Coroutine[Any, Any, T]]) -> Run[T]:
        """Start a task for a digest that has none under way here."""
        loop = running_loop()
        key = (loop.key, digest)

        async def carry_out() -> T:
            try:
                return await work()
            finally:
                self._under_way.pop(key, None)

        self._forget_ended()
        task = self._under_way[key] = loop.start(carry_out, self._name)
        return task

    async def cancel(self) -> None:
        """Cancel the tasks that are under way in this event loop, and wait for their end."""
        here = running_loop().key
        tasks = [task for (loop, _), task in list(self._under_way.items()) if loop is here]
        for task in tasks:
            task.cancel()
        for task in tasks:
            await task.result()
        self._forget_ended()

    def _forget_ended(self) -> None:
        # A task that was cancelled before its first step, or whose event loop has ended.
        for key, task in list(self._under_way.items()):
            if task.done:
                self._under_way.pop(key, None)
