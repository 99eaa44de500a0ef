"""An event loop whose clock jumps: it never waits, and two hours pass as fast as the code runs."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop on simulated time; nothing outside of it can wake it."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        """Return the simulated time in seconds; it begins at 0."""
        return self.now


class _Jump(selectors.SelectSelector):
    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is left to happen: something waits for ever")
        self._loop.now += max(timeout, 0.0)
        return []


def run(main: Coroutine[Any, Any, T], loop: SimulatedLoop) -> T:
    """Run a coroutine to its end on a simulated loop, cancel what it left, and close the loop."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main)
