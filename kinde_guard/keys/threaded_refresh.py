"""A refresh that is asked for in a thread without an event loop.

A worker thread of an event loop, such as that of a ``def`` endpoint, has the refresh started there.
Any other gets a thread for it, with an event loop that ends with the refresh.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from anyio import from_thread

from kinde_guard.vocabulary.event_loop import run_in_new_loop


class ThreadedRefresh:
    """Starts refreshes from threads without an event loop.

    Args:
        start: starts one in the running event loop.
        refresh: makes one, to its end.
        failed: is called with the error where no event loop can be made for it.
    """

    def __init__(
        self,
        start: Callable[[], object],
        refresh: Callable[[], Coroutine[Any, Any, None]],
        failed: Callable[[Exception], None],
    ) -> None:
        self._start = start
        self._refresh = refresh
        self._failed = failed
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start a refresh, unless the thread of an earlier one still runs or none can start."""
        try:
            from_thread.run_sync(self._start)
        except RuntimeError:
            self._start_thread()

    def _start_thread(self) -> None:
        if not self._starting.acquire(blocking=False):
            return
        try:
            # In a forked child, the thread of its parent counts as ended.
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, name="kinde-guard refresh", daemon=True)
                with suppress(RuntimeError):
                    thread.start()
                    self._thread = thread
        finally:
            self._starting.release()

    def _run(self) -> None:
        try:
            run_in_new_loop(self._refresh)
        except (OSError, RuntimeError) as error:
            self._failed(error)
