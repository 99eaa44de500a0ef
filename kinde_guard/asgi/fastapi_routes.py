"""What FastAPI keeps about its routes, read in one place for all versions from 0.121 on.

Newer versions keep an included router's dependencies apart from its routes (a "route context") and
tell the scopes of ``Security`` apart by where they were written. Older versions have neither.

Source: FastAPI, "APIRouter class", "Security Tools", and its release notes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, routing
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import Scope


class _Itself:
    """A route that is its own context, as in versions without route contexts."""

    __slots__ = ("original_route",)

    def __init__(self, route: BaseRoute) -> None:
        self.original_route = route

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - routes have no common type
        if name in {"endpoint", "path", "path_format", "methods"}:
            return getattr(self.original_route, name, None)
        return getattr(self.original_route, name)


def iter_routes(routes: Sequence[BaseRoute]) -> Iterator[Any]:
    """Yield each route with what its included routers add; the route itself is ``original_route``.

    Args:
        routes: those of an application or a router.
    """
    contexts: Callable[[Sequence[BaseRoute]], Iterator[Any]] | None
    contexts = getattr(routing, "iter_route_contexts", None)
    return contexts(routes) if contexts is not None else map(_Itself, routes)


def low_priority_routes(router: object) -> Iterator[Any]:
    """Yield what FastAPI tries after all routes: its frontends, where the version has them."""
    low_priority: Callable[[], Iterator[Any]] | None
    low_priority = getattr(router, "_iter_low_priority_routes", None)
    return iter(()) if low_priority is None else low_priority()


def matched_route(scope: Scope) -> Any:  # noqa: ANN401 - routes have no common type
    """Return the route that handles a request, with what its routers add; ``None`` before routing.

    Args:
        scope: the ASGI scope of the request.
    """
    route = scope.get("route")
    context = scope.get("fastapi", {}).get("effective_route_context")
    if context is not None and getattr(context, "original_route", None) is route:
        return context
    return route


def dependant_of(route: object) -> Dependant | None:
    """Return the dependencies of a route; ``None`` if it is not a route of FastAPI."""
    dependant = getattr(route, "dependant", None)
    return dependant if isinstance(dependant, Dependant) else None


def dependant_for(call: Callable[..., Any]) -> Dependant:
    """Return the dependencies of a callable that overrides a dependency."""
    return get_dependant(path="/", call=call)


def security_scopes(dependant: Dependant) -> tuple[str, ...]:
    """Return the scopes that ``Security(..., scopes=[...])`` gives a dependency, each once."""
    inherited = getattr(dependant, "parent_oauth_scopes", None) or ()
    own = getattr(dependant, "own_oauth_scopes", None) or ()
    older = getattr(dependant, "security_scopes", None) or ()
    return tuple(dict.fromkeys((*inherited, *own, *older)))


def dependency_overrides(route: object) -> Mapping[Callable[..., Any], Callable[..., Any]]:
    """Return the overrides that apply to a route's dependencies."""
    provider = getattr(route, "dependency_overrides_provider", None)
    return getattr(provider, "dependency_overrides", None) or {}


_DOCS_ENDPOINTS = {"openapi", "swagger_ui_html", "swagger_ui_redirect", "redoc_html"}


def serves_docs(endpoint: object) -> bool:
    """Tell whether an endpoint is FastAPI's own, for the docs or the OpenAPI document."""
    module = getattr(endpoint, "__module__", None)
    return module == "fastapi.applications" and (
        getattr(endpoint, "__name__", None) in _DOCS_ENDPOINTS
    )


def docs_paths(app: Starlette) -> tuple[str, ...]:
    """Return the paths at which FastAPI serves an application's docs and OpenAPI document."""
    if not isinstance(app, FastAPI):
        return ()
    return tuple(
        route.path
        for route in app.router.routes
        if serves_docs(getattr(route, "endpoint", None)) and hasattr(route, "path")
    )


def route_template(scope: Scope) -> str | None:
    """Return the template of the route that handles a request, mounts included.

    Args:
        scope: the ASGI scope of the request.

    Returns:
        ``None`` before routing. The prefix of a mount is given as it was requested.
    """
    route = matched_route(scope)
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    if path is None:
        return None
    # What a server was told of a proxy's prefix is no mount; a mount keeps it as "app_root_path".
    prefix = scope.get("root_path", "")
    return f"{prefix.removeprefix(scope.get('app_root_path', prefix))}{path}"
