"""The bearer token of a request, if it presents one, and only if it presents exactly one.

HTTP requests carry it in the ``Authorization`` header. Browsers cannot set that header on a
WebSocket, so there it may also come as the pair of subprotocols ``bearer, <token>``. A token in the
query string or in a form is not looked for (RFC 9700, section 4.3.2).
"""

from __future__ import annotations

import string
from collections.abc import Sequence

from starlette.types import Message, Scope, Send

from kinde_guard.vocabulary.errors import InvalidRequest, MalformedToken

SUBPROTOCOL = "bearer"

# RFC 9110, 5.6.2: what may continue the name of a scheme, such as the x of "Bearerx".
_TCHAR = frozenset((string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode())


def bearer_token(scope: Scope) -> bytes | str | None:
    """Return the token that a request presents; ``None`` if it presents none.

    Args:
        scope: the ASGI scope of an HTTP request or of a WebSocket.

    Raises:
        InvalidRequest: there are several ``Authorization`` headers, or several tokens.
        MalformedToken: the scheme is ``Bearer``, but no token follows.

    Source: RFC 6750, section 2.1; RFC 9110, section 11.4.

    Example:
        >>> bearer_token({"type": "http", "headers": [(b"authorization", b"Bearer abc")]})
        b'abc'
    """
    credentials = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if credentials is not None:
                raise InvalidRequest
            credentials = value
    token = None if credentials is None else _token_of(credentials)
    if scope["type"] != "websocket":
        return token
    offered = _offered_token(scope.get("subprotocols") or ())
    if token is not None and offered is not None:
        raise InvalidRequest
    return offered if token is None else token


def answer_subprotocol(scope: Scope, send: Send) -> Send:
    """Return a ``send`` that answers ``bearer`` to a client that offered it.

    The pair is taken out of the scope: what the application sees, logs or echoes of the offered
    subprotocols holds no token. A subprotocol that the application chooses itself is left alone.

    Source: RFC 6455, section 4.2.2 (a client that offered subprotocols expects one of them).
    """
    offered = list(scope.get("subprotocols") or ())
    if SUBPROTOCOL not in offered:
        return send
    place = offered.index(SUBPROTOCOL)
    del offered[place : place + 2]
    scope["subprotocols"] = offered

    async def answer(message: Message) -> None:
        if message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message = {**message, "subprotocol": SUBPROTOCOL}
        await send(message)

    return answer


def _token_of(credentials: bytes) -> bytes | None:
    scheme, rest = credentials[:6], credentials[6:]
    if scheme.lower() != b"bearer" or (rest and rest[0] in _TCHAR):
        return None
    token = rest.lstrip(b" ")
    if not token or len(token) == len(rest):
        raise MalformedToken
    return token


def _offered_token(subprotocols: Sequence[str]) -> str | None:
    places = [place for place, name in enumerate(subprotocols) if name == SUBPROTOCOL]
    if not places:
        return None
    if len(places) > 1:
        raise InvalidRequest
    following = subprotocols[places[0] + 1 :]
    if not following:
        raise MalformedToken
    return following[0]
