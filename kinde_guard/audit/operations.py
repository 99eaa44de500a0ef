"""Every operation of an application that a caller can reach, with what stands in front of it.

Walks what FastAPI and Starlette really route: included routers, mounted applications (nested, with
guards of their own), WebSockets, plain routes, static files, frontends. Nothing is called. For the
command ``routes``, for ``explain`` and for :func:`kinde_guard.audit.findings.assert_guarded`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from kinde_guard.asgi.public_paths import PublicPaths
from kinde_guard.audit.path_template import PathTemplate
from kinde_guard.middleware import KindeGuardMiddleware
from kinde_guard.requirements.requirement import Needs
from kinde_guard.requirements.routes import GuardedRoute, needs_of
from kinde_guard.verification.scopes import ScopeRule

if TYPE_CHECKING:
    from kinde_guard.guard import KindeGuard

ANY = "ANY"
"""The method of an operation that takes whatever comes: a mounted application, say."""
WEBSOCKET = "WS"


class Kind(StrEnum):
    """What answers an operation."""

    ROUTE = "route"
    WEBSOCKET = "websocket"
    STATIC = "static files"
    MOUNT = "mounted application"
    DOCS = "documentation"
    NOTHING = "nothing"
    """What a mount catches and none of its routes takes; told only to find what answers a path."""


@dataclass(frozen=True, slots=True)
class Post:
    """A guard at its place.

    Attributes:
        guard: decides there.
        public: the public paths of that place.
        below: the path under which the guarded application is mounted.
    """

    guard: KindeGuard
    public: tuple[str, ...]
    below: str = ""

    def lets_pass(self, path: str) -> bool:
        """Tell whether a path, from the root, needs no token here."""
        return path.removeprefix(self.below) in PublicPaths(self.public)


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as a caller reaches it.

    Attributes:
        method: an HTTP method, ``WS`` for a WebSocket or ``ANY``.
        template: its path from the root of the application.
        kind: what answers.
        needs: what the route asks of its caller.
        posts: the guards that stand before it, from the outside in.
        summary: what it does, in the words of its route.
        route: what routes it; holds the dependencies.
    """

    method: str
    template: PathTemplate
    kind: Kind
    needs: Needs
    posts: tuple[Post, ...]
    summary: str = ""
    route: Any = field(default=None, repr=False, compare=False)

    @property
    def path(self) -> str:
        """The path as OpenAPI writes it."""
        return self.template.plain

    @property
    def name(self) -> str:
        """Method and path, as a person writes them."""
        return f"{self.method} {self.path}"

    @property
    def is_guarded(self) -> bool:
        """Whether a guard stands before it."""
        return bool(self.posts)

    @property
    def is_public(self) -> bool:
        """Whether every guard before it lets it pass without a token."""
        return self.is_guarded and all(post.lets_pass(self.path) for post in self.posts)


def walk(app: object) -> tuple[Operation, ...]:
    """Return every operation of an application, in the order in which its router tries them.

    Args:
        app: a FastAPI or Starlette application, wrapped in other ASGI middleware or not.

    Example:
        >>> from fastapi import FastAPI
        >>> [operation.name for operation in walk(FastAPI(openapi_url=None))]
        []
    """
    return tuple(one for one in routed(app) if one.kind is not Kind.NOTHING)


def routed(app: object) -> Iterator[Operation]:
    """Yield every operation, and ``Kind.NOTHING`` for what a mount catches and does not answer."""
    yield from _application(app, "", ())


def posts_of(app: object) -> tuple[Post, ...]:
    """Return the guards that stand before a whole application."""
    return _unwrapped(app, "", ())[1]


def is_walkable(app: object) -> bool:
    """Tell whether an object is, or wraps, an application whose routes can be read."""
    return isinstance(_unwrapped(app, "", ())[0], (Starlette, Router))


def _application(app: object, below: str, posts: tuple[Post, ...]) -> Iterator[Operation]:
    inner, posts = _unwrapped(app, below, posts)
    router = inner.router if isinstance(inner, Starlette) else inner
    if not isinstance(router, Router):
        kind = Kind.STATIC if isinstance(inner, StaticFiles) else Kind.MOUNT
        method = "GET" if kind is Kind.STATIC else ANY
        yield Operation(method, _below(f"{below}/{{path:path}}"), kind, Needs(), posts)
        return
    docs = _docs_paths(inner)
    for context in iter_route_contexts(router.routes):
        for operation in _operations(context, below, posts):
            is_docs = operation.path.removeprefix(below) in docs
            yield replace(operation, kind=Kind.DOCS) if is_docs else operation
    yield from _frontends(router, below, posts)


def _operations(context: Any, below: str, posts: tuple[Post, ...]) -> Iterator[Operation]:  # noqa: ANN401
    match context.original_route:
        case Mount():
            mounted = f"{below}{context.path}"
            yield from _application(context.app, mounted, posts)
            rest = _below(f"{mounted}/{{path:path}}")
            yield Operation(ANY, rest, Kind.NOTHING, Needs(), posts)
        case Host():
            yield from _application(context.app, below, posts)
        case WebSocketRoute():
            _, posts = _unwrapped(getattr(context, "app", None), below, posts)
            yield _route(context, WEBSOCKET, Kind.WEBSOCKET, below, posts)
        case Route():
            _, posts = _unwrapped(getattr(context, "app", None), below, posts)
            for method in _methods(context):
                yield _route(context, method, Kind.ROUTE, below, posts)
        case _:
            yield _route(context, ANY, Kind.MOUNT, below, posts)


def _route(
    context: Any,  # noqa: ANN401 - FastAPI's and Starlette's routes have no common type
    method: str,
    kind: Kind,
    below: str,
    posts: tuple[Post, ...],
) -> Operation:
    template = _below(f"{below}{context.path or ''}")
    needs = _needs(context, method)
    return Operation(method, template, kind, needs, posts, _summary(context), context)


def _needs(context: Any, method: str) -> Needs:  # noqa: ANN401
    dependant = getattr(context, "dependant", None)
    needs = needs_of(dependant) if isinstance(dependant, Dependant) else Needs()
    if needs.by_operation and method not in {WEBSOCKET, ANY}:
        needs = GuardedRoute(context.path_format, frozenset({method}), needs).needs_for(method)
    required = _starlette_scopes(context.endpoint)
    rules = (*needs.rules, ScopeRule(all_of=required)) if required else needs.rules
    return replace(needs, rules=rules)


def _starlette_scopes(endpoint: object) -> tuple[str, ...]:
    """Return the scopes of Starlette's ``@requires``, which keeps them in its wrapper only."""
    found: list[str] = []
    while inspect.isfunction(endpoint):
        if endpoint.__globals__.get("__name__") == "starlette.authentication":
            found += inspect.getclosurevars(endpoint).nonlocals.get("scopes_list", ())
        endpoint = getattr(endpoint, "__wrapped__", None)
    return tuple(dict.fromkeys(name for name in found if name != "authenticated"))


_VERBS = ("get", "post", "put", "patch", "delete", "options", "head")


def _methods(context: Any) -> list[str]:  # noqa: ANN401
    methods = set(context.methods or ())
    if not methods and inspect.isclass(context.endpoint):
        methods = {verb.upper() for verb in _VERBS if hasattr(context.endpoint, verb)}
    if "GET" in methods:
        # Starlette adds it to every GET; it asks for what GET asks for.
        methods.discard("HEAD")
    return sorted(methods) or [ANY]


def _summary(context: Any) -> str:  # noqa: ANN401
    summary = getattr(context, "summary", None)
    if isinstance(summary, str) and summary:
        return summary
    told = inspect.getdoc(context.endpoint) if inspect.isroutine(context.endpoint) else None
    return (told or "").partition("\n")[0]


def _frontends(router: Router, below: str, posts: tuple[Post, ...]) -> Iterator[Operation]:
    # FastAPI tries its frontends after all routes, and lists them nowhere else.
    low_priority: Callable[[], Iterator[Any]] | None
    low_priority = getattr(router, "_iter_low_priority_routes", None)
    for group in low_priority() if low_priority is not None else ():
        prefix = below + getattr(group, "frontend_prefix", "")
        dependant = getattr(group, "dependant", None)
        needs = needs_of(dependant) if isinstance(dependant, Dependant) else Needs()
        for route in getattr(getattr(group, "original_route", group), "routes", ()):
            template = _below(f"{prefix}{route.path.rstrip('/')}/{{path:path}}")
            yield Operation("GET", template, Kind.STATIC, needs, posts, "", group)


def _unwrapped(app: object, below: str, posts: tuple[Post, ...]) -> tuple[object, tuple[Post, ...]]:
    """Return the application inside of its wrappers, and the guards among them."""
    while not isinstance(app, (Starlette, Router)):
        if isinstance(app, KindeGuardMiddleware):
            public = tuple(getattr(app, "public_paths", app.guard.settings.public_paths))
            posts = (*posts, _post(app.guard, public, below))
        if not hasattr(app, "app"):
            return app, posts
        app = app.app
    if isinstance(app, Starlette):
        # The last one stands innermost.
        posts = (*posts, *(_installed(middleware, below) for middleware in _guards(app)))
        return app, posts
    return app, _unwrapped(app.middleware_stack, below, posts)[1]


def _guards(app: Starlette) -> list[Middleware]:
    installed: list[tuple[object, Middleware]] = [(one.cls, one) for one in app.user_middleware]
    return [middleware for cls, middleware in installed if cls is KindeGuardMiddleware]


def _installed(middleware: Middleware, below: str) -> Post:
    options: dict[str, Any] = dict(middleware.kwargs)
    guard: KindeGuard = options["guard"]
    return _post(guard, (*guard.settings.public_paths, *options.get("public_paths", ())), below)


def _post(guard: KindeGuard, public: tuple[str, ...], below: str) -> Post:
    return Post(guard, tuple(dict.fromkeys(public)), below)


def _docs_paths(app: object) -> frozenset[str]:
    if not isinstance(app, FastAPI):
        return frozenset()
    paths = (app.openapi_url, app.docs_url, app.redoc_url, app.swagger_ui_oauth2_redirect_url)
    return frozenset(path for path in paths if path)


def _below(path: str) -> PathTemplate:
    return PathTemplate(path or "/")
