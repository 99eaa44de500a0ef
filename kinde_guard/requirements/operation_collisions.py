"""Refuses an application in which two operations would get the same scope from Kinde's import.

The operations of mounted applications count too, unless those have a guard of their own: Kinde
imports the document of each under one API.

Source: Kinde, "Custom API scopes".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.applications import Starlette

from kinde_guard.asgi.mounts import has_own_guard, mounted_applications
from kinde_guard.requirements.operation import OperationScopeRequirement
from kinde_guard.requirements.operation_scope_names import operation_scope
from kinde_guard.requirements.route import GuardedRoute, guarded_routes
from kinde_guard.vocabulary.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class _Operation:
    method: str
    path: str
    prefix: str
    requires_own_scope: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.prefix}{self.path}"


def check_operation_scopes(app: object) -> None:
    """Refuse an application whose operations cannot be told apart by their own scopes.

    Args:
        app: of Starlette or FastAPI; any other has no such operations.

    Raises:
        ConfigurationError: two share a scope that is required, or the scope that an operation
            requires has no known name; the message names the operations.
    """
    if not isinstance(app, Starlette):
        return
    named: dict[str, _Operation] = {}
    for operation in _operations(app):
        try:
            scope = operation_scope(operation.method, operation.path)
        except ConfigurationError:
            if operation.requires_own_scope:
                raise
            continue
        _check_pair(named.setdefault(scope, operation), operation, scope)


def _check_pair(first: _Operation, second: _Operation, scope: str) -> None:
    required = first.requires_own_scope or second.requires_own_scope
    if first.name != second.name and required:
        raise ConfigurationError(
            f"{first.name} and {second.name}: Kinde's import gives both the scope {scope}; "
            "rename a path, or name the scopes yourself with require_scopes(...)"
        )


def _operations(app: Starlette) -> Iterator[_Operation]:
    for prefix, each in (("", app), *mounted_applications(app)):
        if prefix and has_own_guard(each):
            continue
        for route in guarded_routes(each.router.routes):
            yield from _operations_of(route, prefix)


def _operations_of(route: GuardedRoute, prefix: str) -> Iterator[_Operation]:
    own = any(isinstance(each, OperationScopeRequirement) for each in route.requirements)
    if route.documented or own:
        for method in sorted(route.methods):
            yield _Operation(method, route.path, prefix, own)
