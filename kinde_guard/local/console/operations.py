"""Which operations an API has and which scopes each asks for, and so which of them a token opens.

Read from the OpenAPI document that a guarded API writes: the entries of ``security`` are
alternatives, the scopes within one are all needed, an empty one asks for nothing.

Source: OpenAPI 3.1.1, "Security Requirement Object".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

METHODS: Final = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
MAX_OPERATIONS: Final = 2_000


@dataclass(frozen=True)
class Operation:
    """One operation of an API."""

    method: str
    path: str
    summary: str = ""
    alternatives: tuple[tuple[str, ...], ...] = ()
    """Sets of scopes, each of which is enough; none at all: no token is needed."""

    @property
    def is_public(self) -> bool:
        """Whether it asks for no token."""
        return not self.alternatives

    def is_opened_by(self, scopes: Collection[str]) -> bool:
        """Tell whether a valid token with these scopes is let in."""
        held = frozenset(scopes)
        return self.is_public or any(held.issuperset(needed) for needed in self.alternatives)


def operations_of(document: object) -> tuple[Operation, ...]:
    """Return the operations of an OpenAPI document, in its order.

    Raises:
        ValueError: it is no OpenAPI document, or names more operations than a page can show.
    """
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        raise ValueError("This is no OpenAPI document: it has no object 'paths'.")
    if not {"openapi", "swagger"} & document.keys():
        raise ValueError("This is no OpenAPI document: it does not say its version.")
    found = tuple(_operations(document["paths"], document.get("security")))
    if len(found) > MAX_OPERATIONS:
        raise ValueError(f"The document has more than {MAX_OPERATIONS} operations.")
    return found


def _operations(paths: Mapping[str, Any], default: object) -> Iterator[Operation]:
    for path, item in paths.items():
        members = item if isinstance(item, dict) else {}
        for method in METHODS:
            operation = members.get(method)
            if isinstance(operation, dict):
                yield _operation(method, path, operation, default)


def _operation(method: str, path: str, members: Mapping[str, Any], default: object) -> Operation:
    summary = members.get("summary")
    return Operation(
        method.upper(),
        path,
        summary if isinstance(summary, str) else "",
        _alternatives(members.get("security", default)),
    )


def _alternatives(security: object) -> tuple[tuple[str, ...], ...]:
    entries = [entry for entry in _list(security) if isinstance(entry, dict)]
    if not all(entries):
        return ()
    # One set of scopes may be offered under several schemes: the page says it once.
    return tuple(dict.fromkeys(_scopes(entry.values()) for entry in entries))


def _scopes(lists: Iterable[object]) -> tuple[str, ...]:
    named = [name for names in lists for name in _list(names) if isinstance(name, str)]
    return tuple(dict.fromkeys(named))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
