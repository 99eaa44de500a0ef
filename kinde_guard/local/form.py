"""The body of an OAuth request, read strictly (RFC 6749, section 3.2 and appendix B).

One content type, a bounded size, no parameter twice except the ones that may repeat; a parameter
without a value counts as absent. Anything else is refused here, before any endpoint looks at it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from kinde_guard.local.oauth_errors import BodyTooLarge, InvalidForm, UnsupportedContentType

CONTENT_TYPE: Final = "application/x-www-form-urlencoded"
MAX_BYTES: Final = 65_536
MAX_PARAMETERS: Final = 64
REPEATABLE: Final = frozenset({"audience"})

_BROKEN_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")
_CHARSET: Final = re.compile(r'\bcharset\s*=\s*"?([^";\s]*)')


class Form:
    """The parameters of a request. It has no repr of its own: it holds secrets."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)
        for name, values in self._values.items():
            if len(values) > 1 and name not in REPEATABLE:
                raise InvalidForm("A parameter is included more than once.")

    def one(self, name: str) -> str:
        """Return the value of a parameter, "" if it is absent."""
        return self._values.get(name, [""])[0]

    def words(self, name: str) -> tuple[str, ...]:
        """Return all values of a parameter, split at white space, each word once."""
        return tuple(dict.fromkeys(" ".join(self._values.get(name, [])).split()))


async def read_form(request: Request) -> Form:
    """Return the form that ``request`` carries, or raise an ``OAuthError``."""
    _check_content_type(request.headers.get("content-type", ""))
    body = await _read_body(request)
    return parse_parameters(body)


def parse_parameters(encoded: bytes, *, what: str = "body") -> Form:
    """Return the parameters of a body or of a query, or raise ``InvalidForm``."""
    try:
        text = encoded.decode()
        if _BROKEN_ESCAPE.search(text):
            raise InvalidForm(f"The {what} holds a broken percent escape.")
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except ValueError as error:
        raise InvalidForm(f"The {what} is not UTF-8, or has too many parameters.") from error
    return Form(pairs)


def _check_content_type(header: str) -> None:
    media_type, _, parameters = header.lower().partition(";")
    charsets = set(_CHARSET.findall(parameters)) - {"utf-8"}
    if media_type.strip() != CONTENT_TYPE or charsets:
        raise UnsupportedContentType(f"The body must be {CONTENT_TYPE} in UTF-8.")


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BYTES:
                raise BodyTooLarge(f"The body must not exceed {MAX_BYTES} bytes.")
    except ClientDisconnect as error:
        raise InvalidForm("The connection closed before the body was complete.") from error
    return bytes(body)
