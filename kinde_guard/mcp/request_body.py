"""The body of a request, read whole and within a limit."""

from __future__ import annotations

from starlette.types import Receive, Scope


class BodyTooLarge(Exception):
    """The body is larger than the limit. What was read of it is dropped."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes | None:
    """Return the body; ``None`` if the client hung up before its end.

    Args:
        scope: of the request; a ``Content-Length`` over the limit is believed at once.
        receive: gives the messages of the request.
        limit: in bytes. No more than it, and one message of the server, is held.

    Raises:
        BodyTooLarge: there is more.

    Source: ASGI specification, "Request"; RFC 9110, section 15.5.14.
    """
    if _declared_length(scope) > limit:
        raise BodyTooLarge
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge
        more = message.get("more_body", False)
    return bytes(body)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            # More digits than any limit has, rather than a number of a thousand digits.
            return int(value[:20])
    return 0
