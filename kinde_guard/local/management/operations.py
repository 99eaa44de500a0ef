"""How an endpoint is written down: by Kinde's name for it; the rest stands in Kinde's table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter, Depends

from kinde_guard.local.management.bodies import ScopesFirst
from kinde_guard.local.management.envelope import documented
from kinde_guard.local.management.scope_policy import Endpoint, endpoint
from kinde_guard.requirements.scopes import require_scopes

Function = TypeVar("Function", bound=Callable[..., Any])

BODIES = frozenset({"POST", "PUT", "PATCH"})


class Operations(APIRouter):
    """The endpoints of one subject.

    A plain function may block: FastAPI calls it in a worker thread.
    """

    def __init__(self, subject: str) -> None:
        super().__init__(tags=[subject], route_class=ScopesFirst, redirect_slashes=False)

    def operation(
        self, operation_id: str, *, status: int = 200, also: tuple[int, ...] = ()
    ) -> Callable[[Function], Function]:
        """Serve an operation of Kinde's specification with a function.

        Args:
            operation_id: Kinde's name for it; path, method and scope follow from it.
            status: of success.
            also: further statuses that it may answer with.
        """
        row = endpoint(operation_id)
        return self.api_route(
            row.route,
            methods=[row.method],
            operation_id=operation_id,
            status_code=status,
            dependencies=guarded_by(row),
            responses=documented(*_refusals(row), *also),
        )


def guarded_by(row: Endpoint) -> list[Any]:
    """Return the dependencies that let in who holds an endpoint's scope."""
    return [Depends(require_scopes(row.scope))] if row.scope else []


def _refusals(row: Endpoint) -> set[int]:
    statuses = {400, 401, 503} | ({403} if row.scope else set())
    if row.method in BODIES:
        statuses |= {413, 415}
    # An id with a slash in it is another path.
    return statuses | ({404, 405} if row.parameters else set())
