"""Every operation of an application that a caller can reach, with what each requires.

Lists what FastAPI and Starlette really route: included routers, mounted applications (nested, with
guards of their own), WebSockets, plain routes, static files, frontends. Nothing is called.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from kinde_guard.asgi.fastapi_routes import (
    dependant_of,
    dependency_overrides,
    iter_routes,
    low_priority_routes,
    serves_docs,
)
from kinde_guard.asgi.public_paths import WEBSOCKET
from kinde_guard.audit.guard_mounts import GuardMount, unwrapped
from kinde_guard.audit.path_template import PathTemplate
from kinde_guard.requirements.requirement import SecurityScopesRequirement, scopes_of
from kinde_guard.requirements.route import Requirements, for_operation, requirements_served
from kinde_guard.webhooks import webhook_dependency

ANY = "ANY"
"""The method of an operation that takes every method: a mounted application, say."""

GuardMounts = tuple[GuardMount, ...]


class Kind(StrEnum):
    """What answers an operation."""

    ROUTE = "route"
    WEBSOCKET = "websocket"
    STATIC = "static files"
    MOUNT = "mounted application"
    DOCS = "documentation"
    WEBHOOK = "webhook"
    UNMATCHED_MOUNT = "nothing"
    """What a mount catches and none of its routes takes; only to find what answers a path."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as a caller reaches it.

    Attributes:
        method: an HTTP method, ``WS`` for a WebSocket or ``ANY``.
        template: its path from the root of the application.
        kind: what answers.
        requirements: what the route requires.
        guards: the guards in front of it, from the outside in.
        summary: what it does, in the words of its route.
        route: what routes it; holds the dependencies.
        asked: method and path of the request that it answers, where it was looked up for one.
    """

    method: str
    template: PathTemplate
    kind: Kind
    requirements: Requirements
    guards: GuardMounts
    summary: str = ""
    route: Any = field(default=None, repr=False, compare=False)
    asked: tuple[str, str] | None = None

    @property
    def path(self) -> str:
        """The path as OpenAPI writes it."""
        return self.template.plain

    @property
    def name(self) -> str:
        """Method and path, as a person writes them."""
        return f"{self.method} {self.path}"

    def serves(self, method: str) -> bool:
        """Tell whether it answers requests of a method.

        Starlette's routes and static files answer HEAD as they answer GET; FastAPI's routes do not.

        Args:
            method: an HTTP method in capitals, or ``WS``.
        """
        if method == "HEAD" and self.method == "GET":
            methods = getattr(self.route, "methods", None)
            return methods is None or "HEAD" in methods
        return self.method in {ANY, method}

    @property
    def scopes(self) -> tuple[str, ...]:
        """Every scope that it requires."""
        return scopes_of(self.requirements)

    @property
    def requires_token(self) -> bool:
        """Whether a dependency rejects requests without a token."""
        return any(requirement.needs_token for requirement in self.requirements)

    @property
    def can_deny(self) -> bool:
        """Whether a good token may be rejected, with 403."""
        return any(requirement.can_deny or requirement.scopes for requirement in self.requirements)

    @property
    def is_guarded(self) -> bool:
        """Whether a guard is in front of it."""
        return bool(self.guards)

    @property
    def is_public(self) -> bool:
        """Whether every guard in front of it lets it pass without a token."""
        asked = self.asked or (self.method, self.path)
        return self.is_guarded and all(guard.is_public(*asked) for guard in self.guards)

    @property
    def is_unverified(self) -> bool:
        """Whether a guard in front of it looks at no credential there."""
        asked = self.asked or (self.method, self.path)
        return any(guard.is_unverified(*asked) for guard in self.guards)


def list_operations(app: object) -> tuple[Operation, ...]:
    """Return every operation of an application, in the order in which its router tries them.

    Args:
        app: a FastAPI or Starlette application, wrapped in other ASGI middleware or not.

    Example:
        >>> from fastapi import FastAPI
        >>> [operation.name for operation in list_operations(FastAPI(openapi_url=None))]
        []
    """
    return tuple(each for each in iter_operations(app) if each.kind is not Kind.UNMATCHED_MOUNT)


def iter_operations(app: object) -> Iterator[Operation]:
    """Yield every operation, and ``Kind.UNMATCHED_MOUNT`` for what a mount does not answer."""
    yield from _application(app, "", ())


def can_be_listed(app: object) -> bool:
    """Tell whether an object is, or wraps, an application whose routes can be read."""
    return isinstance(unwrapped(app, "", ())[0], (Starlette, Router))


def _application(app: object, prefix: str, guards: GuardMounts) -> Iterator[Operation]:
    inner, guards = unwrapped(app, prefix, guards)
    router = inner.router if isinstance(inner, Starlette) else inner
    if not isinstance(router, Router):
        kind = Kind.STATIC if isinstance(inner, StaticFiles) else Kind.MOUNT
        method = "GET" if kind is Kind.STATIC else ANY
        yield Operation(method, _template(f"{prefix}/{{path:path}}"), kind, (), guards)
        return
    for context in iter_routes(router.routes):
        yield from _operations(context, prefix, guards)
    yield from _frontends(router, prefix, guards)


def _operations(context: Any, prefix: str, guards: GuardMounts) -> Iterator[Operation]:  # noqa: ANN401
    match context.original_route:
        case Mount():
            mounted = f"{prefix}{context.path}"
            yield from _application(context.app, mounted, guards)
            rest = _template(f"{mounted}/{{path:path}}")
            yield Operation(ANY, rest, Kind.UNMATCHED_MOUNT, (), guards)
        case Host():
            yield from _application(context.app, prefix, guards)
        case WebSocketRoute():
            _, guards = unwrapped(getattr(context, "app", None), prefix, guards)
            yield _route(context, WEBSOCKET, Kind.WEBSOCKET, prefix, guards)
        case Route():
            _, guards = unwrapped(getattr(context, "app", None), prefix, guards)
            for method in _methods(context):
                yield _route(context, method, _kind(context), prefix, guards)
        case _:
            yield _route(context, ANY, Kind.MOUNT, prefix, guards)


def _kind(context: Any) -> Kind:  # noqa: ANN401
    if serves_docs(context.endpoint):
        return Kind.DOCS
    return Kind.ROUTE if webhook_dependency(dependant_of(context)) is None else Kind.WEBHOOK


def _route(
    context: Any,  # noqa: ANN401 - FastAPI's and Starlette's routes have no common type
    method: str,
    kind: Kind,
    prefix: str,
    guards: GuardMounts,
) -> Operation:
    template = _template(f"{prefix}{context.path or ''}")
    requirements = _requirements(context, method)
    return Operation(method, template, kind, requirements, guards, _summary(context), context)


def _requirements(context: Any, method: str) -> Requirements:  # noqa: ANN401
    dependant = dependant_of(context)
    overrides = dependency_overrides(context)
    requirements = () if dependant is None else requirements_served(dependant, overrides)
    if requirements and method not in {WEBSOCKET, ANY}:
        requirements = for_operation(requirements, method, context.path_format)
    required = _starlette_scopes(context.endpoint)
    return (*requirements, SecurityScopesRequirement.of(required)) if required else requirements


def _starlette_scopes(endpoint: object) -> tuple[str, ...]:
    """Return the scopes of Starlette's ``@requires``, which keeps them in its wrapper only."""
    names: list[str] = []
    while inspect.isfunction(endpoint):
        if endpoint.__globals__.get("__name__") == "starlette.authentication":
            names += inspect.getclosurevars(endpoint).nonlocals.get("scopes_list", ())
        endpoint = getattr(endpoint, "__wrapped__", None)
    return tuple(dict.fromkeys(name for name in names if name != "authenticated"))


_VERBS = ("get", "post", "put", "patch", "delete", "options", "head")


def _methods(context: Any) -> list[str]:  # noqa: ANN401
    methods = set(context.methods or ())
    if not methods and inspect.isclass(context.endpoint):
        methods = {verb.upper() for verb in _VERBS if hasattr(context.endpoint, verb)}
    if "GET" in methods:
        # Starlette adds it to every GET; it requires what GET requires.
        methods.discard("HEAD")
    return sorted(methods) or [ANY]


def _summary(context: Any) -> str:  # noqa: ANN401
    summary = getattr(context, "summary", None)
    if isinstance(summary, str) and summary:
        return summary
    text = inspect.getdoc(context.endpoint) if inspect.isroutine(context.endpoint) else None
    return (text or "").partition("\n")[0]


def _frontends(router: Router, prefix: str, guards: GuardMounts) -> Iterator[Operation]:
    # FastAPI tries its frontends after all routes, and lists them nowhere else.
    for group in low_priority_routes(router):
        path = prefix + getattr(group, "frontend_prefix", "")
        dependant = dependant_of(group)
        overrides = dependency_overrides(group)
        requirements = () if dependant is None else requirements_served(dependant, overrides)
        for route in getattr(getattr(group, "original_route", group), "routes", ()):
            template = _template(f"{path}{route.path.rstrip('/')}/{{path:path}}")
            yield Operation("GET", template, Kind.STATIC, requirements, guards, "", group)


def _template(path: str) -> PathTemplate:
    return PathTemplate(path or "/")
