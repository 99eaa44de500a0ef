"""The OpenAPI documents of the APIs that tokens are for, as far as the console was given them.

They are kept in memory, by audience, oldest out first; they are no part of the tenant.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool

from kinde_guard.jose.strict_json import loads
from kinde_guard.local.console.operations import Operation, operations_of
from kinde_guard.local.console.problems import Invalid

MAX_BYTES: Final = 1_048_576
MAX_DOCUMENTS: Final = 32
USUAL_URL: Final = "http://127.0.0.1:8000/openapi.json"
"""Where FastAPI's documents are by default."""


@dataclass(frozen=True)
class Document:
    """What an API says of itself."""

    operations: tuple[Operation, ...]
    url: str = ""
    """Where it was fetched from; "" if it was pasted."""

    @property
    def base(self) -> str:
        """Where the API is reached, as far as that is known."""
        url = urlsplit(self.url or USUAL_URL)
        return f"{url.scheme}://{url.netloc}"


class Documents:
    """The documents in hand."""

    def __init__(self) -> None:
        self._by_audience: OrderedDict[str, Document] = OrderedDict()

    def of(self, audience: str) -> Document | None:
        """Return the document of the API of that audience, if there is one."""
        return self._by_audience.get(audience)

    def keep(self, audience: str, document: Document) -> None:
        """Keep a document in the place of an earlier one."""
        self._by_audience[audience] = document
        self._by_audience.move_to_end(audience)
        while len(self._by_audience) > MAX_DOCUMENTS:
            self._by_audience.popitem(last=False)

    def forget(self, audience: str) -> None:
        """Keep none for this audience."""
        self._by_audience.pop(audience, None)


async def read(text: bytes, url: str = "") -> Document:
    """Return what a JSON text says, or raise ``Invalid``."""
    return await run_in_threadpool(_read, text, url)


def _read(text: bytes, url: str) -> Document:
    if len(text) > MAX_BYTES:
        raise Invalid(f"The document is larger than {MAX_BYTES // 1024} KiB.")
    try:
        value = loads(text)
    except ValueError as error:
        raise Invalid("The document is not JSON, or is nested too deeply.") from error
    try:
        return Document(operations_of(value), url)
    except ValueError as error:
        raise Invalid(str(error)) from error
