"""The scopes that an application's code asks for, described by the routes that ask for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kinde_guard.audit.operations import Operation, walk

MAX_DESCRIPTION: Final = 200
"""Characters of a description; what many routes share is not described by all of them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A scope that code asks for.

    Attributes:
        key: its name.
        description: the summaries of the routes, as Kinde's own OpenAPI import takes them.
        routes: method and path of each, ``WS`` for a WebSocket.
    """

    key: str
    description: str
    routes: tuple[str, ...]


def wanted_scopes(app: object) -> list[Wanted]:
    """Return every scope that an application asks for, in the order of its routes.

    Args:
        app: a FastAPI or Starlette application; mounts, routers and WebSockets are looked into.
            Of ``require_any_scope``, each scope is asked for.

    Example:
        >>> from fastapi import Depends, FastAPI
        >>> from kinde_guard import require_scopes
        >>> app = FastAPI()
        >>> @app.get("/users", summary="List users",
        ...     dependencies=[Depends(require_scopes("read:users"))])
        ... async def users() -> None: ...
        >>> wanted_scopes(app)
        [Wanted(key='read:users', description='List users', routes=('GET /users',))]
    """
    found: dict[str, list[Operation]] = {}
    for operation in walk(app):
        for key in operation.needs.scopes:
            found.setdefault(key, []).append(operation)
    return [_wanted(key, operations) for key, operations in found.items()]


def _wanted(key: str, operations: list[Operation]) -> Wanted:
    told = dict.fromkeys(one.summary.strip().rstrip(".") or one.name for one in operations)
    return Wanted(key, _joined(list(told)), tuple(dict.fromkeys(one.name for one in operations)))


def _joined(summaries: list[str]) -> str:
    """Return as many summaries as there is room for, each whole unless the first is too long."""
    text = summaries[0][:MAX_DESCRIPTION]
    for summary in summaries[1:]:
        longer = f"{text}; {summary}"
        if len(longer) > MAX_DESCRIPTION:
            break
        text = longer
    return text
