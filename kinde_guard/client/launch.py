"""Where a token request is carried out.

In a thread of its own, so that it depends on no caller and no event loop, and blocks none; the
time-out is then one of the whole request, for sync callers too. Only an injected asynchronous
client has to be used in the caller's event loop: that is a task of its own there, which ends with
the loop at the latest.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from kinde_guard.client.pending_request import PendingRequest
from kinde_guard.client.token_request import Outcome, TokenRequest
from kinde_guard.vocabulary.event_loop import run_in_new_loop
from kinde_guard.vocabulary.network import describe_failure

if TYPE_CHECKING:
    import httpx
    import httpx2

Complete = Callable[[PendingRequest, Outcome | None], None]


class Launcher:
    """Starts token requests.

    Args:
        request: what is asked.
        http_client: sends it for sync callers, and for async ones without a client of their own.
        async_http_client: sends it for async callers.
    """

    def __init__(
        self,
        request: TokenRequest,
        http_client: httpx.Client | httpx2.Client | None,
        async_http_client: httpx.AsyncClient | httpx2.AsyncClient | None,
    ) -> None:
        self._request = request
        self._client = http_client
        self._async_client = async_http_client

    def for_sync(self, pending: PendingRequest, complete: Complete) -> None:
        """Start a request for a caller that blocks; ``complete`` is called with its outcome."""

        def carry_out() -> None:
            try:
                complete(pending, self._send(pending))
            finally:
                # No caller is left waiting, whatever happened; after an outcome this is nothing.
                complete(pending, None)

        try:
            threading.Thread(target=carry_out, name="kinde-guard token", daemon=True).start()
        except RuntimeError as error:
            complete(pending, self._request.reader.unavailable(f"{error}, so it was not asked"))

    def for_async(self, pending: PendingRequest, complete: Complete) -> None:
        """Start a request for a caller in the running event loop."""
        client = self._async_client
        if client is None:
            self.for_sync(pending, complete)
            return

        async def carry_out() -> None:
            complete(pending, await self._watched(pending, client))

        pending.loop = asyncio.get_running_loop()
        # The pending request keeps the task: the loop itself would let it be collected.
        pending.task = pending.loop.create_task(carry_out())
        pending.task.add_done_callback(lambda _: complete(pending, None))

    def _send(self, pending: PendingRequest) -> Outcome:
        if self._client is not None:
            pending.attempt.is_watched = False
            return self._request.send(self._client)
        try:
            return run_in_new_loop(lambda: self._watched(pending, None))
        except (OSError, RuntimeError) as error:
            # No event loop can be made: no file descriptors, or a thread that is none (gevent).
            why = describe_failure(error)
            return self._request.reader.unavailable(f"{why}, so it was not asked")

    async def _watched(
        self, pending: PendingRequest, client: httpx.AsyncClient | httpx2.AsyncClient | None
    ) -> Outcome:
        watch = asyncio.ensure_future(pending.attempt.watch())
        try:
            return await self._request.asend(client)
        finally:
            watch.cancel()
