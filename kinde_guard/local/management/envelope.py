"""What the Management API wraps its answers in.

Success: ``{"code": ..., "message": ..., <resource>: ...}``. Errors: a list of code and message,
except for 404, where Kinde has one object instead of a list. Kinde documents the shapes and the one
code ``ROUTE_NOT_FOUND``; every other error code here is local Kinde's own.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import JSONResponse


class Success(BaseModel):
    """Done; also the answer where Kinde sends nothing, because an empty body upsets clients."""

    code: str = "OK"
    message: str = "Success"


class Error(BaseModel):
    """One thing that is wrong."""

    code: str
    message: str


class Errors(BaseModel):
    """Why a request was refused."""

    errors: list[Error]


class RouteNotFound(BaseModel):
    """The one object that stands where other errors have a list."""

    code: Literal["ROUTE_NOT_FOUND"] = "ROUTE_NOT_FOUND"
    message: str = "The requested API route does not exist"


class NotFound(BaseModel):
    """There is no such route, or no such thing at it."""

    errors: RouteNotFound = RouteNotFound()


class Refused(Exception):
    """A request that an endpoint refuses.

    Args:
        code: for programs, in capitals.
        message: for people.
        status: of HTTP; 404 has its own shape, see ``Absent``.
    """

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.body = Errors(errors=[Error(code=code, message=message)])


class Absent(Exception):
    """There is no such thing at an endpoint for which Kinde documents 404."""


MESSAGES: Final = {
    400: "The request is not valid",
    401: "The access token is missing or not valid",
    403: "The access token lacks the scope",
    404: "There is nothing at this path",
    405: "The path does not take this method",
    413: "The body is too large",
    415: "The body is not JSON",
    501: "Local Kinde does not have this endpoint",
    503: "The request cannot be answered at the moment",
}
"""What the OpenAPI document says about each status of a refusal."""

COMPONENTS: Final = "#/components/schemas/"

_DOCUMENTED: Final[dict[int, dict[str, object]]] = {
    status: {
        "description": message,
        "content": {
            "application/json": {
                "schema": {"$ref": COMPONENTS + ("NotFound" if status == 404 else "Errors")}
            }
        },
    }
    for status, message in MESSAGES.items()
}


def documented(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Return the refusals of an endpoint for its OpenAPI operation.

    By reference: FastAPI would make a model anew for each of a thousand.
    """
    return {status: _DOCUMENTED[status] for status in sorted(statuses)}


def error_schemas() -> dict[str, object]:
    """Return the schemas that ``documented`` refers to."""
    _, definitions = models_json_schema(
        [(Errors, "serialization"), (NotFound, "serialization")],
        ref_template=f"{COMPONENTS}{{model}}",
    )
    schemas: dict[str, object] = definitions["$defs"]
    return schemas


def error_answer(refused: Refused) -> JSONResponse:
    """Return a refusal as it goes over the wire."""
    return JSONResponse(refused.body.model_dump(), refused.status)


def not_found_answer() -> JSONResponse:
    """Return Kinde's 404."""
    return JSONResponse(NotFound().model_dump(), 404)
