"""Which scope each endpoint of the Management API needs: Kinde's own table, as data.

The table is that of Kinde's specification, all 184 operations. No rule derives a scope from a path:
Kinde spells some irregularly (``delete:apis_scopes`` beside ``create:api_scopes``).
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

PREFIX: Final = "/api/v1"
"""Where the Management API is served."""


class Endpoint(NamedTuple):
    """One operation of the Management API.

    Attributes:
        method: in capitals.
        path: with its prefix, as OpenAPI writes it.
        scope: what a token must hold; "" where none is asked for.
        operation_id: Kinde's name for it.
    """

    method: str
    path: str
    scope: str
    operation_id: str

    @property
    def route(self) -> str:
        """The path below the prefix."""
        return self.path.removeprefix(PREFIX)

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters in the path."""
        return re.findall(r"{(\w+)}", self.path)

    def matches(self, path: str) -> bool:
        """Tell whether a request's path is one of this operation."""
        return re.fullmatch(re.sub(r"{\w+}", "[^/]+", self.path), path) is not None


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """Return every operation, in the order of Kinde's specification.

    Example:
        >>> len(endpoints())
        184
    """
    table = files(__package__).joinpath("management_scopes.csv").read_text("utf-8")
    return tuple(
        Endpoint(row["method"], row["path"], row["scope"], row["operation_id"])
        for row in csv.DictReader(table.splitlines())
    )


def endpoint(operation_id: str) -> Endpoint:
    """Return the operation of that name.

    Raises:
        KeyError: Kinde has none.

    Example:
        >>> endpoint("deleteAPIScope").scope
        'delete:apis_scopes'
    """
    return _by_operation_id()[operation_id]


def scopes() -> tuple[str, ...]:
    """Return every scope of the Management API once, sorted."""
    return tuple(sorted({row.scope for row in endpoints()} - {""}))


def methods_of(path: str) -> set[str]:
    """Return the methods that a path takes.

    Example:
        >>> sorted(methods_of("/api/v1/apis"))
        ['GET', 'POST']
    """
    return {row.method for row in endpoints() if row.matches(path)}


@cache
def _by_operation_id() -> dict[str, Endpoint]:
    return {row.operation_id: row for row in endpoints()}
