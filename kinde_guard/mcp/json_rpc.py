"""JSON-RPC messages of an MCP request, read so that no server can read them differently.

The body is parsed strictly: what one parser could take for another message than the server's own
(members that occur twice, other encodings than UTF-8) is refused. The headers that mirror the body
for proxies are compared with it, and never trusted in its place.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kinde_guard.jose.strict_json import loads

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
HEADER_MISMATCH: Final = -32020

TOOL_CALL: Final = "tools/call"

# The member of params that Mcp-Name repeats, by method.
_NAMED_BY: Final = {TOOL_CALL: "name", "prompts/get": "name", "resources/read": "uri"}

_ENCODED: Final = re.compile(r"=\?base64\?(.*)\?=", re.DOTALL)

Message = Mapping[str, Any]


class InvalidMessage(Exception):
    """A body, or its headers, cannot be taken for JSON-RPC.

    Attributes:
        code: of the JSON-RPC error.
        message: a fixed sentence.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Payload:
    """The messages of one request.

    Attributes:
        messages: in their order; none where the body is no JSON-RPC.
        is_batch: whether they came as an array.
    """

    messages: tuple[Message, ...] = ()
    is_batch: bool = False

    @property
    def ids(self) -> list[str | int | float | None]:
        """The ids to answer with, one for each request; ``None`` alone where there is none."""
        ids = [_id_of(message) for message in self.messages if "id" in message]
        return ids or [None]

    def tool_names(self) -> tuple[str, ...]:
        """Return the name of each tool that is called.

        Raises:
            InvalidMessage: a call names no tool.
        """
        return tuple(
            _tool_name(message) for message in self.messages if message.get("method") == TOOL_CALL
        )


def parse(body: bytes) -> Payload:
    """Parse the body of a POST request.

    A body that cannot be an array or an object in any encoding of JSON, such as a form, holds no
    messages.

    Args:
        body: the bytes; the caller bounds their number.

    Raises:
        InvalidMessage: it is not JSON, can be read in two ways, or is no JSON-RPC.

    Source: JSON-RPC 2.0, sections 4 and 6; RFC 7493.

    Example:
        >>> parse(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}').ids
        [1]
    """
    if not body or body[:1].isalnum() or body[:1] == b"-":
        return Payload()
    try:
        value = loads(body)
    except ValueError:
        raise InvalidMessage(PARSE_ERROR, "The body is not unambiguous JSON in UTF-8.") from None
    is_batch = isinstance(value, list)
    messages = tuple(value if is_batch else [value])
    if not all(map(_is_message, messages)):
        raise InvalidMessage(INVALID_REQUEST, "The body is no JSON-RPC message.")
    return Payload(messages, is_batch)


def check_headers(headers: Iterable[tuple[bytes, bytes]], payload: Payload) -> None:
    """Compare ``Mcp-Method`` and ``Mcp-Name``, where they are sent, with the body.

    Older clients send neither. Whether a protocol version demands them is the server's to check.

    Raises:
        InvalidMessage: one is sent twice, or differs from the body.

    Source: Model Context Protocol, "Transports", 2026-07-28.

    Example:
        >>> check_headers(
        ...     [(b"mcp-method", b"tools/call"), (b"mcp-name", b"=?base64?YQ==?=")],
        ...     parse(b'{"id": 1, "method": "tools/call", "params": {"name": "a"}}'),
        ... )
    """
    method, name = _single(headers, b"mcp-method"), _single(headers, b"mcp-name")
    if method is None and name is None:
        return
    if len(payload.messages) != 1 or payload.is_batch:
        raise _mismatch()
    [message] = payload.messages
    if method is not None and method != message.get("method"):
        raise _mismatch()
    if message.get("method") in _NAMED_BY and _decoded(name) != _name_of(message):
        raise _mismatch()


def error_body(payload: Payload, code: int, message: str, data: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return the error that answers every request of the payload.

    Source: JSON-RPC 2.0, sections 5.1 and 6.
    """
    error = {"code": code, "message": message, **({"data": data} if data else {})}
    errors = [{"jsonrpc": "2.0", "id": id_, "error": error} for id_ in payload.ids]
    return errors if payload.is_batch else errors[0]


def _is_message(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("method", ""), str)


def _id_of(message: Message) -> str | int | float | None:
    id_ = message["id"]
    return id_ if isinstance(id_, str | int | float) and not isinstance(id_, bool) else None


def _name_of(message: Message) -> object:
    params = message.get("params")
    return params.get(_NAMED_BY[message["method"]]) if isinstance(params, dict) else None


def _tool_name(message: Message) -> str:
    name = _name_of(message)
    if not isinstance(name, str):
        raise InvalidMessage(INVALID_PARAMS, "The call names no tool.")
    return name


def _single(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str | None:
    values = [value for name, value in headers if name == wanted]
    if len(values) > 1:
        raise _mismatch()
    return values[0].decode("latin-1") if values else None


def _decoded(value: str | None) -> str | None:
    encoded = _ENCODED.fullmatch(value or "")
    if encoded is None:
        return value
    try:
        octets = base64.b64decode(encoded[1], validate=True)
        text = octets.decode()
    except (binascii.Error, ValueError):
        raise _mismatch() from None
    if base64.b64encode(octets).decode() != encoded[1]:
        raise _mismatch()
    return text


def _mismatch() -> InvalidMessage:
    return InvalidMessage(HEADER_MISMATCH, "Mcp-Method or Mcp-Name does not agree with the body.")
