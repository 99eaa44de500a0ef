"""What each route of an application needs, read from its dependencies.

The one source for the OpenAPI document and for the ``scope`` of a challenge: both list what the
whole route asks for, through its own dependencies, its routers' and its application's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import Scope

from kinde_guard.scopes import ScopeRule


class Requirement(ABC):
    """A dependency that concerns the token, as the guard recognises it in a route."""

    __slots__ = ()

    @abstractmethod
    def rule_for(self, security_scopes: tuple[str, ...]) -> ScopeRule | None:
        """Return what it needs; ``None`` if it takes a token without asking for one.

        Args:
            security_scopes: the scopes that ``Security(..., scopes=[...])`` gives it.
        """


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route asks of its caller.

    Attributes:
        rules: one for each dependency that asks for a token.
        optional: whether a dependency takes a token without asking for one.
    """

    rules: tuple[ScopeRule, ...] = ()
    optional: bool = False

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that is mentioned, in the order of the dependencies."""
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.names))


@dataclass(frozen=True, slots=True)
class GuardedRoute:
    """An HTTP route of a FastAPI application, with what it needs.

    Attributes:
        path: its path as OpenAPI writes it.
        methods: its HTTP methods, in capitals.
        needs: what it asks of its caller.
    """

    path: str
    methods: frozenset[str]
    needs: Needs


def guarded_routes(routes: Sequence[BaseRoute]) -> Iterator[GuardedRoute]:
    """Yield the HTTP routes that FastAPI documents, those of included routers among them."""
    for context in iter_route_contexts(routes):
        dependant = getattr(context, "dependant", None)
        if context.path_format is not None and context.methods and dependant is not None:
            methods = frozenset(context.methods)
            yield GuardedRoute(context.path_format, methods, needs_of(dependant))


def needs_of(dependant: Dependant) -> Needs:
    """Return what a route needs, from all that it depends on."""
    found: list[ScopeRule | None] = []
    for sub_dependant in _descendants(dependant):
        dependency: object = sub_dependant.call
        if isinstance(dependency, Requirement):
            found.append(dependency.rule_for(_security_scopes(sub_dependant)))
    return Needs(
        rules=tuple(dict.fromkeys(rule for rule in found if rule is not None)),
        optional=None in found,
    )


def scopes_of_route(scope: Scope) -> tuple[str, ...]:
    """Return every scope that the route which handles a request asks for.

    Args:
        scope: the ASGI scope after routing. Where FastAPI left no route, there are no scopes.
    """
    route = scope.get("route")
    # FastAPI keeps the dependencies of an included router apart from the route's own.
    context = scope.get("fastapi", {}).get("effective_route_context")
    if context is not None and getattr(context, "original_route", None) is route:
        route = context
    dependant = getattr(route, "dependant", None)
    return needs_of(dependant).scopes if isinstance(dependant, Dependant) else ()


def _descendants(dependant: Dependant) -> Iterator[Dependant]:
    for sub_dependant in dependant.dependencies:
        yield sub_dependant
        yield from _descendants(sub_dependant)


def _security_scopes(dependant: Dependant) -> tuple[str, ...]:
    inherited, own = dependant.parent_oauth_scopes or [], dependant.own_oauth_scopes or []
    return tuple(dict.fromkeys((*inherited, *own)))
