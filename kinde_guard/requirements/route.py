"""What a route requires: a tuple of requirements, read from the route's dependencies.

The one source for the OpenAPI document, for challenges, for the decision before the body and for
the tools: all list what the whole route requires, through its own dependencies, its routers' and
its application's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.dependencies.models import Dependant
from starlette.routing import BaseRoute
from starlette.types import Scope

from kinde_guard.asgi.fastapi_routes import (
    dependant_for,
    dependant_of,
    dependency_overrides,
    iter_routes,
    matched_route,
    security_scopes,
)
from kinde_guard.requirements.requirement import (
    Requirement,
    SecurityScopesRequirement,
    SelfDocumenting,
)
from kinde_guard.verification.scopes import scope_names

Requirements = tuple[Requirement, ...]
Overrides = Mapping[Callable[..., Any], Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class GuardedRoute:
    """An HTTP route of a FastAPI application, with what it requires.

    Attributes:
        path: its template as OpenAPI writes it.
        methods: its HTTP methods, in capitals.
        requirements: what it requires, whatever the method.
        documented: whether it stands in the OpenAPI document.
        documenting: dependencies besides the requirements that add to its description there.
    """

    path: str
    methods: frozenset[str]
    requirements: Requirements
    documented: bool = True
    documenting: tuple[SelfDocumenting, ...] = ()

    def requirements_for(self, method: str) -> Requirements:
        """Return what it requires for one method.

        Raises:
            ConfigurationError: the scope of the operation is required, and its name is unknown.
        """
        return for_operation(self.requirements, method, self.path)


def for_operation(requirements: Requirements, method: str, path: str) -> Requirements:
    """Return requirements as they are for one operation, each once.

    Those that depend on the operation come last, so that named scopes precede derived ones.
    """
    pairs = [(each, each.for_operation(method, path)) for each in requirements]
    pairs.sort(key=lambda pair: pair[0] is not pair[1])
    return tuple(dict.fromkeys(resolved for _, resolved in pairs))


def guarded_routes(routes: Sequence[BaseRoute]) -> Iterator[GuardedRoute]:
    """Yield the HTTP routes of FastAPI, those of included routers among them."""
    for context in iter_routes(routes):
        dependant = dependant_of(context)
        if dependant is not None and getattr(context, "methods", None):
            yield GuardedRoute(
                path=context.path_format,
                methods=frozenset(context.methods),
                requirements=requirements_of(dependant),
                documented=bool(getattr(context, "include_in_schema", True)),
                documenting=tuple(dict.fromkeys(_iter_documenting(dependant))),
            )


def requirements_of(dependant: Dependant, overrides: Overrides | None = None) -> Requirements:
    """Return what a route requires, from all that it depends on, each requirement once.

    Args:
        dependant: the dependencies of the route.
        overrides: dependencies that are replaced by others, which are not looked into.
    """
    return tuple(dict.fromkeys(_iter_requirements(dependant, overrides or {})))


def _iter_documenting(dependant: Dependant) -> Iterator[SelfDocumenting]:
    for dependency in dependant.dependencies:
        call: object = dependency.call
        if isinstance(call, SelfDocumenting) and not isinstance(call, Requirement):
            yield call
        yield from _iter_documenting(dependency)


def requirements_served(dependant: Dependant, overrides: Overrides) -> Requirements:
    """Return what a route requires as it is served, where dependencies may be overridden.

    Args:
        dependant: the dependencies of the route.
        overrides: dependencies that are replaced by others, which are looked into.
    """
    return tuple(dict.fromkeys(_iter_served(dependant, overrides, ())))


def requirements_of_request(scope: Scope) -> Requirements:
    """Return what the route that handles a request requires; nothing if it is not FastAPI's.

    Args:
        scope: the ASGI scope after routing.

    Raises:
        ConfigurationError: the scope of the operation is required, and its name is unknown.
    """
    route = matched_route(scope)
    dependant = dependant_of(route)
    if dependant is None:
        return ()
    requirements = requirements_of(dependant, dependency_overrides(route))
    method = scope.get("method")
    return (
        requirements if method is None else for_operation(requirements, method, route.path_format)
    )


def _iter_requirements(dependant: Dependant, overrides: Overrides) -> Iterator[Requirement]:
    for dependency in dependant.dependencies:
        call = dependency.call
        if overrides and call in overrides:
            continue
        if isinstance(call, Requirement):
            yield from with_security(call, security_scopes(dependency))
        yield from _iter_requirements(dependency, overrides)


def _iter_served(
    dependant: Dependant, overrides: Overrides, inherited: tuple[str, ...]
) -> Iterator[Requirement]:
    for dependency in dependant.dependencies:
        call = overrides.get(dependency.call, dependency.call) if dependency.call else None
        names = (*inherited, *security_scopes(dependency))
        if isinstance(call, Requirement):
            yield from with_security(call, names)
        if call is None or call is dependency.call:
            yield from _iter_served(dependency, overrides, inherited)
        else:
            yield from _iter_served(dependant_for(call), overrides, names)


def with_security(requirement: Requirement, names: Sequence[str]) -> Requirements:
    """Return what is required where ``Security`` names scopes around a requirement.

    Raises:
        ValueError: one of them is not a scope name. FastAPI hands them over with the request, so
            they cannot be checked earlier; the request is not let in.
    """
    if not names:
        return (requirement,)
    checked = SecurityScopesRequirement.of(scope_names(tuple(names)))
    return (checked, requirement) if requirement.needs_token else (checked,)
