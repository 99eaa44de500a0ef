"""What each route of an application needs, read from its dependencies.

The one source for the OpenAPI document and for the ``scope`` of a challenge: both list what the
whole route asks for, through its own dependencies, its routers' and its application's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import Scope

from kinde_guard.requirements.operation import check_distinct, operation_scope
from kinde_guard.requirements.requirement import Needs, Requirement, merged
from kinde_guard.verification.scopes import ScopeRule


@dataclass(frozen=True, slots=True)
class GuardedRoute:
    """An HTTP route of a FastAPI application, with what it needs.

    Attributes:
        path: its path as OpenAPI writes it.
        methods: its HTTP methods, in capitals.
        needs: what it asks of its caller, whatever the method.
        documented: whether it stands in the OpenAPI document.
    """

    path: str
    methods: frozenset[str]
    needs: Needs
    documented: bool = True

    def needs_for(self, method: str) -> Needs:
        """Return what it asks of its caller for one method, the operation's own scope included.

        Raises:
            ConfigurationError: it needs that scope, and nobody can tell its name.
        """
        if not self.needs.by_operation:
            return self.needs
        own = ScopeRule(all_of=(operation_scope(method, self.path),))
        return replace(self.needs, rules=(*self.needs.rules, own))


def guarded_routes(routes: Sequence[BaseRoute]) -> Iterator[GuardedRoute]:
    """Yield the HTTP routes of FastAPI, those of included routers among them."""
    for context in iter_route_contexts(routes):
        dependant = getattr(context, "dependant", None)
        if context.path_format is not None and context.methods and dependant is not None:
            yield GuardedRoute(
                path=context.path_format,
                methods=frozenset(context.methods),
                needs=needs_of(dependant),
                documented=bool(getattr(context, "include_in_schema", True)),
            )


def needs_of(dependant: Dependant) -> Needs:
    """Return what a route needs, from all that it depends on."""
    found: list[Needs] = []
    for sub_dependant in _descendants(dependant):
        dependency: object = sub_dependant.call
        if isinstance(dependency, Requirement):
            found.append(dependency.needs(_security_scopes(sub_dependant)))
    return merged(found)


def route_of(scope: Scope) -> GuardedRoute | None:
    """Return the route that handles a request; ``None`` where FastAPI left none.

    Args:
        scope: the ASGI scope after routing.
    """
    route = scope.get("route")
    # FastAPI keeps the dependencies of an included router apart from the route's own.
    context = scope.get("fastapi", {}).get("effective_route_context")
    if context is not None and getattr(context, "original_route", None) is route:
        route = context
    dependant = getattr(route, "dependant", None)
    if route is None or not isinstance(dependant, Dependant):
        return None
    methods = frozenset(getattr(route, "methods", None) or ())
    return GuardedRoute(route.path_format, methods, needs_of(dependant))


def scopes_of_route(scope: Scope) -> tuple[str, ...]:
    """Return every scope that the route which handles a request asks for."""
    route = route_of(scope)
    return () if route is None else route.needs_for(scope.get("method", "")).scopes


def permissions_of_route(scope: Scope) -> tuple[str, ...]:
    """Return every permission that the route which handles a request asks for."""
    route = route_of(scope)
    return () if route is None else route.needs.permissions


def check_operation_scopes(routes: Sequence[BaseRoute]) -> None:
    """Refuse an application whose operations cannot be told apart by their own scopes.

    Raises:
        ConfigurationError: the message names the operations.
    """
    check_distinct(
        (method, route.path, route.needs.by_operation)
        for route in guarded_routes(routes)
        if route.documented or route.needs.by_operation
        for method in sorted(route.methods)
    )


def _descendants(dependant: Dependant) -> Iterator[Dependant]:
    for sub_dependant in dependant.dependencies:
        yield sub_dependant
        yield from _descendants(sub_dependant)


def _security_scopes(dependant: Dependant) -> tuple[str, ...]:
    inherited, own = dependant.parent_oauth_scopes or [], dependant.own_oauth_scopes or []
    return tuple(dict.fromkeys((*inherited, *own)))
