"""The console's ASGI application: its pages behind its checks.

From the outside in: the Host header names this server; every answer carries the security headers;
the request comes from the console's own pages; the form carries the session's token.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, ExceptionHandler

from kinde_guard.local.console.answers import SetHeaders
from kinde_guard.local.console.api_keys import api_key_routes
from kinde_guard.local.console.apis import api_routes
from kinde_guard.local.console.application_settings import application_setting_routes
from kinde_guard.local.console.applications import application_routes
from kinde_guard.local.console.flags import flag_routes
from kinde_guard.local.console.organizations import organization_routes
from kinde_guard.local.console.pages import Pages
from kinde_guard.local.console.people import people_routes
from kinde_guard.local.console.problems import (
    NotThere,
    OutOfDate,
    Problem,
    WrongMethod,
)
from kinde_guard.local.console.rehearsal import rehearsal_routes
from kinde_guard.local.console.roles import role_routes
from kinde_guard.local.console.routing import Console
from kinde_guard.local.console.same_origin import RefuseOtherOrigins
from kinde_guard.local.console.served_hosts import OnlyServedHosts
from kinde_guard.local.console.sessions import Sessions
from kinde_guard.local.console.tokens import token_routes
from kinde_guard.local.console.webhooks import webhook_routes
from kinde_guard.local.store import RowRefused
from kinde_guard.local.tenant import Tenant

STATIC: Final = Path(__file__).parent / "static"
MOUNTED_AT: Final = "/console"

# No template: it must not fail for the reason that the page itself failed for.
FAILURE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Local Kinde</title>
<h1>Something went wrong in local Kinde</h1>
<p>The terminal in which it runs says what. Go back and try again.</p>
"""


def console_routes(tenant: Tenant) -> list[BaseRoute]:
    """Return the routes to add to a tenant's application: the console, and the way there.

    Example:
        >>> from kinde_guard.local import Tenant
        >>> with Tenant.open("http://127.0.0.1:8787") as tenant:
        ...     [route.path for route in console_routes(tenant)]
        ['/', '/console', '/console']
    """

    async def lead_there(_: Request) -> Response:
        return RedirectResponse(f"{MOUNTED_AT}/", 307)

    return [
        Route("/", lead_there),
        Route(MOUNTED_AT, lead_there),
        Mount(MOUNTED_AT, console_app(tenant)),
    ]


def console_app(tenant: Tenant) -> ASGIApp:
    """Return the console of ``tenant``, to be mounted under a path of the tenant's application."""
    sessions = Sessions(tenant.issuer)
    pages = Pages(tenant, sessions)
    console = Console(tenant, sessions, pages)

    app = Starlette(
        routes=[
            *application_routes(console),
            *api_routes(console),
            *token_routes(console),
            *application_setting_routes(console),
            *people_routes(console),
            *organization_routes(console),
            *role_routes(console),
            *flag_routes(console),
            *api_key_routes(console),
            *webhook_routes(console),
            *rehearsal_routes(console),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(RefuseOtherOrigins, issuer=tenant.issuer, answer=pages.problem),
        ],
        exception_handlers=_exception_handlers(pages),
    )
    return SetHeaders(OnlyServedHosts(app, issuer=tenant.issuer))


def _exception_handlers(pages: Pages) -> dict[Any, ExceptionHandler]:
    async def answer_problem(request: Request, error: Problem) -> Response:
        return pages.problem(request, error)

    async def answer_http(request: Request, error: HTTPException) -> Response:
        return pages.problem(request, WrongMethod() if error.status_code == 405 else NotThere())

    async def answer_refused_row(request: Request, _: RowRefused) -> Response:
        return pages.problem(request, OutOfDate())

    async def answer_failure(_: Request, __: Exception) -> Response:
        return HTMLResponse(FAILURE, 500)

    handlers = {
        Problem: answer_problem,
        HTTPException: answer_http,
        RowRefused: answer_refused_row,
        Exception: answer_failure,
    }
    return {kind: cast("ExceptionHandler", handler) for kind, handler in handlers.items()}
