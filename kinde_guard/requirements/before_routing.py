"""Scopes that are known before a request is routed: of a whole application, or of one path.

For protected resource metadata and for the challenge to a request without a token. The routes are
only read; nothing is called.

Source: RFC 9728, section 2 (``scopes_supported``); RFC 6750, section 3 (``scope``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Router, compile_path

from kinde_guard.asgi.fastapi_routes import dependant_of, iter_routes
from kinde_guard.asgi.mounts import mounted_applications, unwrap
from kinde_guard.requirements.requirement import scopes_of
from kinde_guard.requirements.route import (
    Requirements,
    for_operation,
    guarded_routes,
    requirements_of,
)
from kinde_guard.vocabulary.errors import ConfigurationError


def scopes_supported(app: object) -> set[str]:
    """Return every scope that the routes and the guarded tools of an application require.

    Args:
        app: of Starlette or FastAPI, or a router; any other has no routes that can be read.
    """
    names: set[str] = set()
    for each in _applications(app):
        for route in guarded_routes(_routes(each)):
            for method in route.methods:
                names.update(scopes_of(route.requirements_for(method)))
        names.update(_scopes_of_middleware(each))
    return names


def scopes_of_wrappers(app: object) -> set[str]:
    """Return every scope that middleware around an application, wrapped by hand, requires.

    Args:
        app: the outermost middleware.
    """
    names: set[str] = set()
    while not isinstance(app, (Starlette, Router)) and hasattr(app, "app"):
        scopes = getattr(app, "scopes", ())
        names.update(scopes if isinstance(scopes, frozenset) else ())
        app = app.app
    return names


def needed_scopes(app: object, method: str, path: str) -> tuple[str, ...]:
    """Return the scopes that the route which will answer a request requires, if that can be told.

    Args:
        app: as of :func:`scopes_supported`.
        method: of the request.
        path: as the router of ``app`` matches it.
    """
    try:
        return scopes_of(_requirements(_routes(unwrap(app)), method, path))
    except (ConfigurationError, ValueError):
        return ()


def _requirements(routes: Sequence[BaseRoute], method: str, path: str) -> Requirements:
    for context in iter_routes(routes):
        pattern = context.path
        if pattern is None:
            continue
        if isinstance(context.original_route, Mount):
            if path == pattern or path.startswith(f"{pattern}/"):
                rest = path.removeprefix(pattern) or "/"
                return _requirements(_routes(unwrap(context.app)), method, rest)
        elif _answers(context, method) and compile_path(pattern)[0].match(path):
            dependant = dependant_of(context)
            requirements = () if dependant is None else requirements_of(dependant)
            return for_operation(requirements, method, getattr(context, "path_format", path))
    return ()


def _answers(context: Any, method: str) -> bool:  # noqa: ANN401 - routes have no common type
    methods = getattr(context, "methods", None)
    return methods is None or method in methods or (method == "HEAD" and "GET" in methods)


def _applications(app: object) -> Iterator[object]:
    app = unwrap(app)
    yield app
    if isinstance(app, Starlette):
        yield from (mounted for _, mounted in mounted_applications(app))


def _routes(app: object) -> Sequence[BaseRoute]:
    router = app.router if isinstance(app, Starlette) else app
    return router.routes if isinstance(router, Router) else ()


def _scopes_of_middleware(app: object) -> Iterator[str]:
    # Middleware that requires scopes by itself, such as that of an MCP server's tools, names them.
    for middleware in app.user_middleware if isinstance(app, Starlette) else ():
        scopes = getattr(middleware.cls, "scopes", ())
        yield from scopes if isinstance(scopes, frozenset) else ()
