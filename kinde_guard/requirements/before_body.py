"""Decides on what a route requires before one byte of the request's body is read.

FastAPI reads a body before it asks dependencies. So the first ``receive`` after routing is where
the decision is made: the route is known then. A rejection is answered at once, through ``send``;
raising alone would not do, because FastAPI and middleware in between turn what body reading raises
into answers of their own. The exception only unwinds the application, and what it sends afterwards
is dropped.

The dependencies check again: two locks, one rule. Dependencies that are overridden are not asked
here, and a configuration error is left to the dependency.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kinde_guard.asgi.auth_state import AuthState
from kinde_guard.asgi.rejections import handlers_outward, respond
from kinde_guard.requirements.dependency import record_rejection
from kinde_guard.requirements.route import requirements_of_request
from kinde_guard.vocabulary.errors import ConfigurationError, GuardError, MissingToken

_BODY_HEADERS = {b"content-length", b"transfer-encoding"}
_USUALLY_WITHOUT_BODY = {"GET", "HEAD"}


def may_have_body(scope: Scope) -> bool:
    """Tell whether a request may have a body, by its method and its headers."""
    if scope["method"] not in _USUALLY_WITHOUT_BODY:
        return True
    for name, _ in scope["headers"]:  # noqa: SIM110 - half the time of any() with a generator
        if name in _BODY_HEADERS:
            return True
    return False


def early_rejection(scope: Scope, state: AuthState) -> GuardError | None:
    """Return why the route would reject this request; ``None`` if it would not.

    Args:
        scope: the ASGI scope, after routing.
        state: the authentication result.
    """
    try:
        requirements = requirements_of_request(scope)
        for requirement in requirements:
            if state.token is None:
                if requirement.needs_token:
                    return MissingToken()
            elif not requirement.is_met(state.token, scope):
                return requirement.rejection(requirements)
    except (ConfigurationError, ValueError):
        # The dependency raises it again, where it is answered as an error of the application.
        return None
    return None


class RejectedBeforeBody(Exception):
    """Unwinds an application whose request was answered already. Never reaches the server."""


async def serve_deciding_before_body(
    app: ASGIApp, state: AuthState, scope: Scope, receive: Receive, send: Send
) -> None:
    """Serve an HTTP request that may have a body, deciding when the body is first asked for.

    Args:
        app: the application that the guard is in front of.
        state: the authentication result.
        scope: of the request.
        receive: as a server gives it.
        send: as a server gives it.
    """
    exchange = _Exchange(state, scope, receive, send)
    try:
        await app(scope, exchange.receive, exchange.send)
    except Exception as error:
        if not exchange.answered or not _is_unwinding(error):
            raise


class _Exchange:
    """Both directions of one request, until it is decided."""

    def __init__(self, state: AuthState, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._state = state
        self._decided = False
        self.answered = False

    async def receive(self) -> Message:
        """Receive for the application, once the request is decided."""
        if not self._decided and "route" in self._scope:
            self._decided = True
            error = early_rejection(self._scope, self._state)
            if error is not None:
                await self._reject(error)
        return await self._receive()

    async def send(self, message: Message) -> None:
        """Send for the application, unless the request was answered already."""
        if self.answered:
            return
        # A response that has started is the application's decision.
        self._decided = True
        await self._send(message)

    async def _reject(self, error: GuardError) -> None:
        record_rejection(self._scope, self._state, error)
        self.answered = True
        handlers = handlers_outward(self._scope)
        await respond(error, self._scope, self._receive, self._send, handlers)
        raise RejectedBeforeBody


def _is_unwinding(error: BaseException) -> bool:
    seen: set[int] = set()
    chain: BaseException | None = error
    while chain is not None and id(chain) not in seen:
        if isinstance(chain, RejectedBeforeBody):
            return True
        seen.add(id(chain))
        chain = chain.__cause__ or chain.__context__
    return False
