"""The scopes that the routes of an application require."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kinde_guard.audit.operations import Operation, list_operations

MAX_DESCRIPTION: Final = 200
"""Characters of a description in Kinde; further summaries are left out."""


@dataclass(frozen=True, slots=True)
class RequiredScope:
    """A scope that at least one route requires.

    Attributes:
        key: the name of the scope.
        description: the summaries of the operations; empty where none has a summary.
        routes: method and path of each, ``WS`` for a WebSocket.
    """

    key: str
    description: str
    routes: tuple[str, ...]


def required_scopes(app: object) -> list[RequiredScope]:
    """Return every scope that an application requires, in the order of its routes.

    Args:
        app: a FastAPI or Starlette application, with its mounts, routers and WebSockets. Every
            scope of a ``require_any_scope`` is included.

    Example:
        >>> from fastapi import Depends, FastAPI
        >>> from kinde_guard import require_scopes
        >>> app = FastAPI()
        >>> @app.get("/users", summary="List users",
        ...     dependencies=[Depends(require_scopes("read:users"))])
        ... async def users() -> None: ...
        >>> required_scopes(app)
        [RequiredScope(key='read:users', description='List users', routes=('GET /users',))]
    """
    operations_by_key: dict[str, list[Operation]] = {}
    for operation in list_operations(app):
        for key in operation.scopes:
            operations_by_key.setdefault(key, []).append(operation)
    return [_required_scope(key, operations) for key, operations in operations_by_key.items()]


def _required_scope(key: str, operations: list[Operation]) -> RequiredScope:
    # The name of a route is no description: Kinde shows descriptions to people who grant scopes.
    summaries = dict.fromkeys(operation.summary.strip().rstrip(".") for operation in operations)
    routes = tuple(dict.fromkeys(operation.name for operation in operations))
    return RequiredScope(key, _joined([text for text in summaries if text]), routes)


def _joined(summaries: list[str]) -> str:
    """Return as many whole summaries as fit; only the first may be cut."""
    text = "".join(summaries[:1])[:MAX_DESCRIPTION]
    for summary in summaries[1:]:
        longer = f"{text}; {summary}"
        if len(longer) > MAX_DESCRIPTION:
            break
        text = longer
    return text
