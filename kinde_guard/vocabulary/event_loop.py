"""The event loop that runs here, asyncio or trio, and the few things that the guard asks of it.

A background task, a limit on time, a pause, and a thread for what blocks: each means the same in
both. trio is never imported here; where it runs, it has been imported.

Nothing is kept: the event loop that is running is looked up each time.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    import trio

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

CoroutineFactory = Callable[[], Coroutine[Any, Any, T]]


class BackgroundTask(Protocol[T_co]):
    """A coroutine that runs in the background, whether or not its result is awaited."""

    @property
    def done(self) -> bool:
        """Whether it has ended, in whatever way."""

    def cancel(self) -> None:
        """Ask it to end now."""

    async def result(self) -> T_co | None:
        """Wait until it has ended and return its result; ``None`` if it was cancelled."""


class EventLoop(Protocol):
    """What asyncio and trio are to the guard."""

    @property
    def key(self) -> Hashable:
        """Tells this event loop from all others."""

    def start(self, work: CoroutineFactory[T], name: str) -> BackgroundTask[T]:
        """Start work in the background; it ends with the event loop at the latest."""

    def time_limit(self, seconds: float | None) -> AbstractAsyncContextManager[Callable[[], None]]:
        """Raise ``TimeoutError`` after so many seconds, or when the function it gives is called."""

    async def sleep(self, seconds: float) -> None:
        """Pause."""

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Call what would block the event loop."""


def run_in_new_loop(work: CoroutineFactory[T]) -> T:
    """Run a coroutine to its end in an event loop of its own, which blocks this thread.

    Raises:
        OSError: no event loop can be made, for want of file descriptors.
        RuntimeError: an event loop runs in this thread already, as gevent's greenlets share one.
    """
    coroutine = work()
    try:
        return asyncio.run(coroutine)
    finally:
        # One that never began would warn when it is collected.
        coroutine.close()


def running_loop() -> EventLoop:
    """Return the event loop that runs in this thread.

    Raises:
        RuntimeError: none does.
    """
    # trio first: in its guest mode it runs on top of asyncio, and then asyncio runs here as well.
    # Another thread may be importing it just now (httpcore does); then it does not run anywhere.
    in_trio_task = getattr(sys.modules.get("trio.lowlevel"), "in_trio_task", None)
    if in_trio_task is not None and in_trio_task():
        return _Trio(sys.modules["trio"])
    return _Asyncio(asyncio.get_running_loop())


class _Asyncio:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.key = loop

    def start(self, work: CoroutineFactory[T], name: str) -> BackgroundTask[T]:
        return _AsyncioTask(self.key.create_task(work(), name=name))

    @asynccontextmanager
    async def time_limit(self, seconds: float | None) -> AsyncIterator[Callable[[], None]]:
        async with asyncio.timeout(seconds) as limit:
            yield lambda: limit.reschedule(self.key.time())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.to_thread(function)


class _AsyncioTask(Generic[T]):
    def __init__(self, task: asyncio.Task[T]) -> None:
        self._task = task

    @property
    def done(self) -> bool:
        return self._task.done()

    def cancel(self) -> None:
        self._task.cancel()

    async def result(self) -> T | None:
        # Unlike awaiting the task itself, this neither cancels it nor is cancelled by it.
        await asyncio.wait({self._task})
        return None if self._task.cancelled() else self._task.result()


class _Trio:
    def __init__(self, library: Any) -> None:  # noqa: ANN401 - the module
        self._trio = library
        self.key: Hashable = library.lowlevel.current_trio_token()

    def start(self, work: CoroutineFactory[T], name: str) -> BackgroundTask[T]:
        return _TrioTask(self._trio, work, name)

    @asynccontextmanager
    async def time_limit(self, seconds: float | None) -> AsyncIterator[Callable[[], None]]:
        scope: trio.CancelScope = self._trio.CancelScope()
        if seconds is not None:
            scope.deadline = self._trio.current_time() + seconds
        with scope:
            yield scope.cancel
        if scope.cancelled_caught:
            raise TimeoutError

    async def sleep(self, seconds: float) -> None:
        await self._trio.sleep(seconds)

    async def in_thread(self, function: Callable[[], T]) -> T:
        result: T = await self._trio.to_thread.run_sync(function)
        return result


class _TrioTask(Generic[T]):
    # A system task: like a task of asyncio it belongs to the event loop, and to no nursery.

    def __init__(self, library: Any, work: CoroutineFactory[T], name: str) -> None:  # noqa: ANN401 - the module
        self._work = work
        self._result: T | None = None
        self._error: Exception | None = None
        self._scope: trio.CancelScope = library.CancelScope()
        self._ended: trio.Event = library.Event()
        library.lowlevel.spawn_system_task(
            self._carry_out, name=name, context=contextvars.copy_context()
        )

    @property
    def done(self) -> bool:
        return self._ended.is_set()

    def cancel(self) -> None:
        self._scope.cancel()

    async def result(self) -> T | None:
        await self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._result

    async def _carry_out(self) -> None:
        try:
            with self._scope:
                self._result = await self._work()
        except Exception as error:  # noqa: BLE001 - raised by result(); trio would end the process
            self._error = error
        finally:
            self._ended.set()
