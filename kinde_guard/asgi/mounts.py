"""Mounted applications, and the way from one of them outward.

Source: Starlette, "Submounting routes".
"""

from __future__ import annotations

from collections.abc import Iterator

from starlette.applications import Starlette
from starlette.routing import Host, Mount, Router

from kinde_guard.asgi.fastapi_routes import docs_paths, iter_routes
from kinde_guard.vocabulary.settings import Settings


def unwrap(app: object) -> object:
    """Return the application inside of ASGI middleware that was wrapped around it by hand.

    Middleware keeps what it wraps as ``app``, by convention.
    """
    seen: set[int] = set()
    while not isinstance(app, (Starlette, Router)) and hasattr(app, "app") and id(app) not in seen:
        seen.add(id(app))
        app = app.app
    return app


def mounted_applications(app: Starlette) -> Iterator[tuple[str, Starlette]]:
    """Yield the applications that are mounted in one, however deep, each with its prefix.

    Example:
        >>> outer, inner = Starlette(), Starlette()
        >>> outer.mount("/v1", inner)
        >>> [(prefix, found is inner) for prefix, found in mounted_applications(outer)]
        [('/v1', True)]
    """
    for _, prefix, mounted in _descend((), "", app):
        yield prefix, mounted


def has_own_guard(app: Starlette) -> bool:
    """Tell whether a guard's middleware was added to an application."""
    return any(hasattr(each.kwargs.get("guard"), "settings") for each in app.user_middleware)


def docs_public_paths(app: Starlette | None, settings: Settings) -> tuple[str, ...]:
    """Return the docs of an application and of those mounted in it, as public paths.

    Args:
        app: the application; ``None`` where its docs are not served by the guard's installation.
        settings: those of the guard; its ``protect_docs`` leaves none.
    """
    if app is None or settings.protect_docs:
        return ()
    every = (("", app), *mounted_applications(app))
    paths = [prefix + path for prefix, each in every for path in docs_paths(each)]
    return tuple(f"GET {path}" for path in dict.fromkeys(paths))


def applications_outward(inner: object, outermost: object) -> list[Starlette]:
    """Return the applications from the one in which something arose outward.

    Args:
        inner: the application in which it arose.
        outermost: the last one to list, in which ``inner`` is mounted.
    """
    if inner is outermost or not isinstance(outermost, Starlette):
        return [inner] if isinstance(inner, Starlette) else []
    for parents, _, mounted in _descend((), "", outermost):
        if mounted is inner:
            return [mounted, *reversed(parents)]
    return [outermost]


_Step = tuple[tuple[Starlette, ...], str, Starlette]


def _descend(parents: tuple[Starlette, ...], prefix: str, app: Starlette) -> Iterator[_Step]:
    parents = (*parents, app)
    for path, mounted in _mounted(app.router):
        if isinstance(mounted, Starlette) and mounted not in parents:
            yield parents, prefix + path, mounted
            yield from _descend(parents, prefix + path, mounted)


def _mounted(router: Router) -> Iterator[tuple[str, object]]:
    for context in iter_routes(router.routes):
        route = context.original_route
        if isinstance(route, (Mount, Host)):
            path = context.path if isinstance(route, Mount) else ""
            app = unwrap(route.app)
            if isinstance(app, Router):
                yield from ((path + below, inner) for below, inner in _mounted(app))
            else:
                yield path, app
