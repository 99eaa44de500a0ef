"""The credential of a request, if it presents one, and only if it presents exactly one.

HTTP requests carry a bearer credential in the ``Authorization`` header. Browsers cannot set that
header on a WebSocket, so there it may also come as the pair of subprotocols ``bearer, <token>``. An
API key may come in a header of its own, where the guard names one. A credential in the query string
or in a form is not looked for (RFC 9700, section 4.3.2).
"""

from __future__ import annotations

import string
from collections.abc import Sequence

from starlette.types import Message, Scope, Send

from kinde_guard.vocabulary.errors import InvalidRequest, MalformedToken
from kinde_guard.vocabulary.extensions import Credential, PresentedApiKey

SUBPROTOCOL = "bearer"

# RFC 9110, 5.6.2: what may continue the name of a scheme, such as the x of "Bearerx".
_TCHAR = frozenset((string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode())


def find_credential(scope: Scope, api_key_header: bytes | None = None) -> Credential | None:
    """Return the credential that a request presents; ``None`` if it presents none.

    Args:
        scope: the ASGI scope of an HTTP request or of a WebSocket.
        api_key_header: the name of a header that may carry an API key, in lower case.

    Raises:
        InvalidRequest: there are several ``Authorization`` headers, or several credentials.
        MalformedToken: the scheme is ``Bearer``, but no token follows.

    Source: RFC 6750, section 2.1; RFC 9110, section 11.4.

    Example:
        >>> find_credential({"type": "http", "headers": [(b"authorization", b"Bearer abc")]})
        b'abc'
    """
    authorization = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if authorization is not None:
                raise InvalidRequest
            authorization = value
    token: Credential | None = None if authorization is None else _bearer_token(authorization)
    if scope["type"] == "websocket":
        token = _only_one(token, _offered_token(scope.get("subprotocols") or ()))
    if api_key_header is None:
        return token
    return _only_one(token, _api_key(scope, api_key_header))


def answer_subprotocol(scope: Scope, send: Send) -> Send:
    """Return a ``send`` that answers ``bearer`` to a client that offered it.

    The pair is taken out of the scope, and so is whatever else looks like a token: what the
    application sees, logs or echoes of the offered subprotocols holds none. A subprotocol that the
    application chooses itself is left alone.

    Source: RFC 6455, section 4.2.2 (a client that offered subprotocols expects one of them).
    """
    offered = list(scope.get("subprotocols") or ())
    if SUBPROTOCOL not in offered:
        return send
    place = offered.index(SUBPROTOCOL)
    token = offered[place + 1 : place + 2]
    del offered[place : place + 2]
    scope["subprotocols"] = [
        name for name in offered if name not in token and not _looks_like_token(name)
    ]

    async def answer(message: Message) -> None:
        if message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message = {**message, "subprotocol": SUBPROTOCOL}
        await send(message)

    return answer


def _only_one(first: Credential | None, second: Credential | None) -> Credential | None:
    if first is not None and second is not None:
        raise InvalidRequest
    return second if first is None else first


def _bearer_token(authorization: bytes) -> bytes | None:
    scheme, rest = authorization[:6], authorization[6:]
    if scheme.lower() != b"bearer" or (rest and rest[0] in _TCHAR):
        return None
    token = rest.lstrip(b" ")
    if not token or len(token) == len(rest):
        raise MalformedToken
    return token


def _api_key(scope: Scope, header: bytes) -> PresentedApiKey | None:
    values = [value for name, value in scope["headers"] if name == header]
    if len(values) > 1:
        raise InvalidRequest
    return PresentedApiKey(values[0]) if values else None


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


# "eyJ" is what every JOSE header begins with; Kinde's API keys begin with "k_".
_TOKEN_BEGINNINGS = ("eyJ", "k_")


def _looks_like_token(subprotocol: str) -> bool:
    return subprotocol.startswith(_TOKEN_BEGINNINGS) or subprotocol.count(".") >= 2
