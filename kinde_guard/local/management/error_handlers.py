"""Every error of the Management API, in Kinde's envelope.

Nothing of a value that was sent stands in an answer, only where it stood and what was expected.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from kinde_guard.local.management.envelope import (
    MESSAGES,
    Absent,
    Error,
    Errors,
    Refused,
    error_answer,
    not_found_answer,
)
from kinde_guard.local.management.scope_policy import PREFIX, methods_of
from kinde_guard.local.store import AlreadyThere, NotAllowed, NotThere

MAX_ERRORS: Final = 20
"""How many faults of one body are listed."""

ROWS: Final[dict[type[sqlite3.IntegrityError], tuple[str, str]]] = {
    NotThere: ("NOT_FOUND", "The request names something that does not exist"),
    AlreadyThere: ("ALREADY_EXISTS", "A value that must be unique is taken"),
    NotAllowed: ("INVALID_VALUE", "A value is not allowed"),
}
"""What the store refuses, with code and message."""


def add_error_handlers(app: FastAPI) -> None:
    """Have ``app`` answer every error in Kinde's envelope."""

    @app.exception_handler(Refused)
    async def _(_: Request, error: Refused) -> JSONResponse:
        return error_answer(error)

    @app.exception_handler(Absent)
    async def _(_: Request, __: Absent) -> JSONResponse:
        return not_found_answer()

    @app.exception_handler(RequestValidationError)
    async def _(_: Request, error: RequestValidationError) -> JSONResponse:
        return JSONResponse(_invalid(error.errors()).model_dump(), 400)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> JSONResponse:
        return _http_error(request, error)

    @app.exception_handler(sqlite3.IntegrityError)
    async def _(_: Request, error: sqlite3.IntegrityError) -> JSONResponse:
        return error_answer(Refused(*ROWS.get(type(error), ROWS[NotAllowed])))

    @app.exception_handler(sqlite3.OperationalError)
    async def _(_: Request, __: sqlite3.OperationalError) -> JSONResponse:
        return error_answer(Refused("BUSY", "The database is in use; try again", status=503))


def _invalid(faults: Sequence[Any]) -> Errors:
    return Errors(
        errors=[
            Error(code="INVALID_REQUEST", message=f"{_place(fault['loc'])}: {fault['msg']}")
            for fault in faults[:MAX_ERRORS]
        ]
    )


def _place(location: Sequence[object]) -> str:
    return ".".join(str(part) for part in location)


def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    if error.status_code == 404:
        return not_found_answer()
    code = {405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "INVALID_REQUEST")
    message = MESSAGES.get(error.status_code, str(error.detail))
    answer = error_answer(Refused(code, message, status=error.status_code))
    if error.status_code == 405:
        # Starlette knows the methods of one route only, and each operation is a route.
        path = f"{PREFIX}{request.scope['path'].removeprefix(request.scope['root_path'])}"
        answer.headers["Allow"] = ", ".join(sorted(methods_of(path)))
    return answer
