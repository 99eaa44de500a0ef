"""The endpoints of Kinde's table that local Kinde does not have: 501, after the scope check."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse

from kinde_guard.local.management.envelope import Refused, documented, error_answer
from kinde_guard.local.management.operations import guarded_by
from kinde_guard.local.management.scope_policy import Endpoint


def not_implemented_operations(rows: Iterable[Endpoint]) -> APIRouter:
    """Return routes that answer 501 to who holds the scope."""
    router = APIRouter(tags=["Not in local Kinde"], redirect_slashes=False)

    async def refuse(request: Request) -> JSONResponse:
        what = f"{request.method} {request.scope['route'].path}"
        message = f"Local Kinde does not have {what}"
        return error_answer(Refused("NOT_IMPLEMENTED", message, status=501))

    for row in rows:
        statuses = (400, 401, 403, 501, 503) + ((404, 405) if row.parameters else ())
        router.add_api_route(
            row.route,
            refuse,
            methods=[row.method],
            operation_id=row.operation_id,
            status_code=501,
            response_class=JSONResponse,
            dependencies=guarded_by(row),
            responses=documented(*statuses),
            openapi_extra={"parameters": [_parameter(name) for name in row.parameters]},
        )
    return router


def _parameter(name: str) -> dict[str, object]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
