"""Guards at their places: in front of an application, or of one that is mounted in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Router

from kinde_guard.asgi.mounts import docs_public_paths
from kinde_guard.asgi.public_paths import PublicPaths
from kinde_guard.engine import GuardEngine
from kinde_guard.middleware import KindeGuardMiddleware


@dataclass(frozen=True, slots=True)
class GuardMount:
    """A guard at its place.

    Attributes:
        guard: verifies there.
        public: the public paths of that place.
        prefix: the path under which the guarded application is mounted.
        is_outside_cors: whether it also answers what a CORS middleware inside of it would.
    """

    guard: GuardEngine
    public: tuple[str, ...]
    prefix: str = ""
    is_outside_cors: bool = False

    def is_public(self, method: str, path: str) -> bool:
        """Tell whether a request needs no token here.

        Args:
            method: of HTTP, ``WS``, or ``ANY``, which is public only where every method is.
            path: from the root of the outermost application.
        """
        return self._matches(self.public, method, path) or self.is_unverified(method, path)

    def is_unverified(self, method: str, path: str) -> bool:
        """Tell whether no credential is looked at here."""
        return self._matches(self.guard.settings.unverified_paths, method, path)

    def _matches(self, paths: tuple[str, ...] | Any, method: str, path: str) -> bool:  # noqa: ANN401
        return PublicPaths(paths).matches(method, path.removeprefix(self.prefix))


GuardMounts = tuple[GuardMount, ...]


def mounted_guards(app: object) -> GuardMounts:
    """Return the guards in front of a whole application, from the outside in."""
    return unwrapped(app, "", ())[1]


def unwrapped(app: object, prefix: str, guards: GuardMounts) -> tuple[object, GuardMounts]:
    """Return the application inside of its wrappers, and the guards among them.

    Args:
        app: an ASGI application; middleware keeps what it wraps as ``app``, by convention.
        prefix: the path under which it is mounted.
        guards: those further outside.
    """
    while not isinstance(app, (Starlette, Router)):
        if isinstance(app, KindeGuardMiddleware):
            guards = (*guards, _wrapped(app, prefix))
        if not hasattr(app, "app"):
            return app, guards
        app = app.app
    if isinstance(app, Starlette):
        return app, (*guards, *_added(app, prefix))
    return app, unwrapped(app.middleware_stack, prefix, guards)[1]


def _wrapped(middleware: KindeGuardMiddleware, prefix: str) -> GuardMount:
    outside = _has_cors(middleware.app)
    return _mount(middleware.guard, middleware.public_paths, prefix, is_outside_cors=outside)


def _has_cors(app: object) -> bool:
    while not isinstance(app, (Starlette, Router)) and hasattr(app, "app"):
        if isinstance(app, CORSMiddleware):
            return True
        app = app.app
    return isinstance(app, Starlette) and any(map(_is_cors, app.user_middleware))


def _added(app: Starlette, prefix: str) -> list[GuardMount]:
    # The last one is the innermost.
    return [
        _added_mount(middleware, prefix, is_outside_cors=any(map(_is_cors, inside)))
        for number, middleware in enumerate(app.user_middleware)
        if isinstance(middleware.cls, type) and issubclass(middleware.cls, KindeGuardMiddleware)
        for inside in [app.user_middleware[number + 1 :]]
    ]


def _is_cors(middleware: Middleware) -> bool:
    return isinstance(middleware.cls, type) and issubclass(middleware.cls, CORSMiddleware)


def _added_mount(middleware: Middleware, prefix: str, *, is_outside_cors: bool) -> GuardMount:
    options: dict[str, Any] = dict(middleware.kwargs)
    guard: GuardEngine = options["guard"]
    docs = docs_public_paths(options.get("documented"), guard.settings)
    public = (*guard.settings.public_paths, *options.get("public_paths", ()), *docs)
    return _mount(guard, public, prefix, is_outside_cors=is_outside_cors)


def _mount(
    guard: GuardEngine, public: tuple[str, ...], prefix: str, *, is_outside_cors: bool
) -> GuardMount:
    return GuardMount(guard, tuple(dict.fromkeys(public)), prefix, is_outside_cors)
