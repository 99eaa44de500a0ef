"""Where a token request is carried out.

In a thread of its own, so that it depends on none of those who wait, on no event loop, and blocks
none; the time-out is then one of the whole request, for sync callers too. Only an injected
``httpx.AsyncClient`` has to be used in the event loop of whoever asks: that is a task of its own
there, which ends with the loop at the latest.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import httpx

from kinde_guard.client.single_flight import Flight
from kinde_guard.client.token_request import Outcome, TokenRequest

Land = Callable[[Flight, Outcome | None], None]


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
        http_client: httpx.Client | None,
        async_http_client: httpx.AsyncClient | None,
    ) -> None:
        self._request = request
        self._client = http_client
        self._async_client = async_http_client

    def for_sync(self, flight: Flight, land: Land) -> None:
        """Start ``flight`` for a caller that blocks; ``land`` is called with its outcome."""

        def carry_out() -> None:
            try:
                if self._client is not None:
                    land(flight, self._request.send(self._client))
                else:
                    asyncio.run(self._carry_out(flight, land, None))
            finally:
                # Whatever became of it, nobody is left waiting; after an outcome this is nothing.
                land(flight, None)

        try:
            threading.Thread(target=carry_out, name="kinde-guard token", daemon=True).start()
        except RuntimeError as error:
            land(flight, self._request.reader.unavailable(f"{error}, so it was not asked"))

    def for_async(self, flight: Flight, land: Land) -> None:
        """Start ``flight`` for a caller in the running event loop."""
        if self._async_client is None:
            self.for_sync(flight, land)
            return
        flight.loop = asyncio.get_running_loop()
        # The flight keeps the task: the loop itself would let it be collected.
        flight.task = flight.loop.create_task(self._carry_out(flight, land, self._async_client))
        flight.task.add_done_callback(lambda _: land(flight, None))

    async def _carry_out(
        self, flight: Flight, land: Land, client: httpx.AsyncClient | None
    ) -> None:
        land(flight, await self._request.asend(client))
