"""Finds the guards of an application: installed, added by hand, wrapped or mounted."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Router

from kinde_guard import KindeGuard, KindeGuardMiddleware


@dataclass(slots=True)
class GuardSearch:
    """The guards and the applications that are reachable from an object, each once.

    Attributes:
        guards: in the order in which they were found.
        applications: the Starlette and FastAPI applications.

    Example:
        >>> from fastapi import FastAPI
        >>> guard, app = KindeGuard("acme.kinde.com", audience="users"), FastAPI()
        >>> guard.install(app)
        >>> GuardSearch.of(app).guards == [guard]
        True
    """

    guards: list[KindeGuard] = field(default_factory=list)
    applications: list[Starlette] = field(default_factory=list)
    _visited: dict[int, object] = field(default_factory=dict)

    @classmethod
    def of(cls, root: object) -> GuardSearch:
        """Search everything that an application, a middleware or a guard leads to."""
        search = cls()
        pending = [root]
        while pending:
            candidate = pending.pop()
            # Kept, not only its id: the id of a collected object may be used again.
            if search._visited.setdefault(id(candidate), candidate) is candidate:
                pending += search._expand(candidate)
        return search

    def _expand(self, candidate: object) -> list[object]:
        """Record a candidate and return the objects inside of it that were not visited yet."""
        if isinstance(candidate, KindeGuard):
            self.guards.append(candidate)
            return []
        if isinstance(candidate, Starlette):
            self.applications.append(candidate)
        return [part for part in _parts(candidate) if id(part) not in self._visited]


def _parts(candidate: object) -> Iterator[Any]:
    match candidate:
        case Starlette():
            yield from _of_application(candidate)
        case Router():
            yield from candidate.routes
            yield candidate.middleware_stack
        case BaseRoute():
            # A mount has its application there, a route its endpoint inside of its middleware.
            yield getattr(candidate, "app", None)
            yield from getattr(candidate, "routes", None) or ()
        case KindeGuardMiddleware():
            yield from (candidate.guard, candidate.app)
        case _ if inspect.isfunction(candidate):
            yield from _callables(_cells(candidate))
        case _ if callable(candidate) and not inspect.isclass(candidate):
            # Any other middleware; most call what they wrap `app`, but not all.
            yield from _callables(
                vars(candidate).values() if hasattr(candidate, "__dict__") else ()
            )


def _of_application(app: Starlette) -> Iterator[Any]:
    for middleware in app.user_middleware:
        cls: object = middleware.cls
        if inspect.isclass(cls) and issubclass(cls, KindeGuardMiddleware):
            yield middleware.kwargs.get("guard")
    yield app.router
    yield app.middleware_stack


def _callables(values: Any) -> Iterator[Any]:  # noqa: ANN401 - attributes of unknown classes
    return (value for value in values if callable(value) and not inspect.isclass(value))


def _cells(function: Any) -> Iterator[Any]:  # noqa: ANN401 - a function of unknown type
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            # The variable was not assigned yet.
            continue
