"""WebSockets that end with the token which opened them: the setting ``close_on_expiry``.

At ``exp`` plus leeway, by the guard's clock, the client is told and the application too:

==============  =====================================  =======================================
the WebSocket   the client                             the application
==============  =====================================  =======================================
not accepted    is refused, as for an expired token    its ``receive``, even one under way, gives
accepted        is closed with 3000                    ``websocket.disconnect`` with 3000; its
                                                       ``send`` raises an ``OSError``
ended before    nothing                                nothing
==============  =====================================  =======================================

The application is not cancelled: one that neither receives nor sends does not notice, as it does
not notice a client that leaves. From that moment on no message passes in either direction.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from kinde_guard.asgi.responses import UNAUTHORIZED, Refusal
from kinde_guard.verification.access_token import AccessToken
from kinde_guard.vocabulary.errors import ExpiredToken, GuardError
from kinde_guard.vocabulary.event_loop import BackgroundTask, running_loop

if TYPE_CHECKING:
    from kinde_guard.guard import KindeGuard

LONGEST_PAUSE = 60.0
"""Seconds: then the clock is looked at again, because it may have been set or have stood still."""


class WebSocketExpired(OSError):
    """The token of the WebSocket has expired, so nothing can be sent on it any more.

    Source: ASGI specification, "Disconnected Client - send exception": a subclass of ``OSError``.
    """


class UntilExpiry:
    """An ASGI application for one WebSocket, which ends when a token expires.

    Args:
        app: serves the WebSocket.
        guard: its settings tell the clock, the leeway and the realm.
        token: of whoever opened the WebSocket.
    """

    def __init__(self, app: ASGIApp, guard: KindeGuard, token: AccessToken) -> None:
        self._app = app
        self._guard = guard
        self._ends_at = token.claims["exp"] + guard.settings.leeway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the WebSocket until it ends or the token expires."""
        socket = _Socket(self._guard, self._ends_at, scope, receive, send)
        watch = running_loop().start(socket.watch, "kinde-guard expiry of a WebSocket")
        try:
            await self._app(scope, socket.receive, socket.send)
        except (WebSocketExpired, WebSocketDisconnect, GuardError):
            # What is raised on a closed WebSocket, and a refusal that cannot be told any more.
            if socket.farewell is None:
                raise
        finally:
            watch.cancel()
            await watch.result()
            if socket.farewell is not None:
                await socket.farewell.result()


class _Socket:
    """Both directions of one WebSocket, open until ``ends_at``."""

    def __init__(
        self, guard: KindeGuard, ends_at: float, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._guard = guard
        self._ends_at = ends_at
        self._scope = scope
        self._receive = receive
        self._send = send
        self._connected = False
        self._accepted = False
        self._left = False
        self._interrupt: Callable[[], None] | None = None
        self.farewell: BackgroundTask[None] | None = None

    async def watch(self) -> None:
        """End the WebSocket at its time, whatever the application does meanwhile."""
        while not self._expired() and not self._left:
            seconds = self._ends_at - self._guard.settings.clock()
            await running_loop().sleep(min(max(seconds, 0), LONGEST_PAUSE))

    async def receive(self) -> Message:
        """Receive for the application; a wait that is under way at the end is cut short."""
        if not self._connected:
            # Always there, and nothing else may come first: Starlette takes that for an error.
            self._connected = True
            return await self._receive()
        message = None if self._expired() else await self._incoming()
        if message is None or self._expired():
            return {
                "type": "websocket.disconnect",
                "code": UNAUTHORIZED,
                "reason": ExpiredToken.description,
            }
        if message["type"] == "websocket.disconnect":
            self._left = True
        return message

    async def send(self, message: Message) -> None:
        """Send for the application.

        Raises:
            WebSocketExpired: the token has expired.
        """
        if self._expired():
            raise WebSocketExpired(ExpiredToken.description)
        if message["type"] == "websocket.accept":
            self._accepted = True
        elif message["type"] != "websocket.send":
            # The application closes the WebSocket, or refuses it, by itself.
            self._left = True
        await self._send(message)

    async def _incoming(self) -> Message | None:
        try:
            async with running_loop().time_limit(None) as self._interrupt:
                return await self._receive()
        except TimeoutError:
            if self.farewell is None:
                raise
            return None
        finally:
            self._interrupt = None

    def _expired(self) -> bool:
        # Whoever asks first after the time ends the WebSocket.
        undecided = self.farewell is None and not self._left
        if undecided and self._guard.settings.clock() >= self._ends_at:
            self._end()
        return self.farewell is not None

    def _end(self) -> None:
        self._guard.refused(ExpiredToken())
        # Not sent from here: the application may be cancelled, and its own time is not waited for.
        self.farewell = running_loop().start(self._say_farewell, "kinde-guard end of a WebSocket")
        if self._interrupt is not None:
            self._interrupt()

    async def _say_farewell(self) -> None:
        # The client may have left in the meantime, which servers tell in many ways.
        with suppress(Exception):
            if self._accepted:
                code, reason = UNAUTHORIZED, ExpiredToken.description
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
            else:
                refusal = Refusal(ExpiredToken(), self._guard.settings.realm)
                await refusal(self._scope, self._receive, self._send)
