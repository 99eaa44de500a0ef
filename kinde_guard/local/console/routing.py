"""How every page of the console is asked for: in one place, so that none forgets a check.

A page that shows is asked for by GET and changes nothing. A page that changes is asked for by POST,
with a form that carries the session's CSRF token; it answers with a redirect to a page that shows,
or with the page that it came from, saying what cannot be used and keeping what was typed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from kinde_guard.local.console.documents import Documents
from kinde_guard.local.console.form import MAX_BYTES, Form, read_form
from kinde_guard.local.console.pages import Pages, base_of
from kinde_guard.local.console.problems import Invalid, StaleForm
from kinde_guard.local.console.sessions import Notice, Secret, Sessions
from kinde_guard.local.store import AlreadyThere, NotAllowed
from kinde_guard.local.tenant import Tenant

Show = Callable[[Request], Awaitable[Response]]
Change = Callable[[Request, Form], Awaitable[Response]]
At = Mapping[str, str]
"""The parameters of a page's path."""

Given = ParamSpec("Given")
Result = TypeVar("Result")

CSRF_FIELD = "csrf_token"
TAKEN = "This is taken already: choose another."


@dataclass(frozen=True)
class Sheet:
    """A page of rows and forms: its template, and what it shows of the tenant, read in a thread."""

    template: str
    values: Callable[[At], Mapping[str, object]]


@dataclass(frozen=True)
class Done:
    """What a form did: where it is seen, the sentence to say there, and a secret to show once."""

    path: str
    sentence: str
    secret: Secret | None = None


Edit = Callable[[At, Form], Done]
"""Writes what a form asks for; called in a thread."""


@dataclass(frozen=True)
class Console:
    """What the pages of one console share."""

    tenant: Tenant
    sessions: Sessions
    pages: Pages
    documents: Documents = field(default_factory=Documents)

    def shows(self, path: str, show: Show) -> Route:
        """Return the route of a page that shows."""
        return Route(path, show, methods=["GET"])

    def changes(self, path: str, change: Change, *, max_bytes: int = MAX_BYTES) -> Route:
        """Return the route of a form, called only if it is of the session's own pages."""

        async def checked(request: Request) -> Response:
            form = await read_form(request, max_bytes)
            if not self.sessions.is_csrf_token(request, form.one(CSRF_FIELD)):
                raise StaleForm
            return await change(request, form)

        return Route(path, checked, methods=["POST"])

    def sheet(self, path: str, sheet: Sheet) -> Route:
        """Return the route of a page of rows and forms."""

        async def show(request: Request) -> Response:
            return await self.show_sheet(request, sheet, Form())

        return self.shows(path, show)

    def edits(self, path: str, edit: Edit, sheet: Sheet) -> Route:
        """Return the route of a form of ``sheet``, which is shown again if it cannot be used."""

        async def change(request: Request, form: Form) -> Response:
            try:
                done = await in_thread(edit, request.path_params, form)
            except Invalid as problem:
                return await self.show_sheet(request, sheet, form, problem)
            except AlreadyThere:
                return await self.show_sheet(request, sheet, form, Invalid(TAKEN))
            except NotAllowed:
                return await self.show_sheet(request, sheet, form, Invalid())
            if done.secret is not None:
                self.sessions.of(request).secret = done.secret
            return self.done(request, done.path, done.sentence)

        return self.changes(path, change)

    async def show_sheet(
        self, request: Request, sheet: Sheet, typed: Form, problem: Invalid | None = None
    ) -> Response:
        """Return a page, with what was typed into the form that was refused."""
        values = await in_thread(sheet.values, request.path_params)
        return self.pages.page(request, sheet.template, problem, typed=typed, **values)

    def done(self, request: Request, path: str, sentence: str) -> Response:
        """Return the way to the page at ``path``, which will say there what was done."""
        self.sessions.of(request).notice = Notice(sentence, place=path.partition("#")[2])
        return self.go(request, path)

    def go(self, request: Request, path: str) -> Response:
        """Return the way to the page at ``path``, to be asked for by GET."""
        return RedirectResponse(f"{base_of(request)}{path}", 303)


async def in_thread(
    call: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
) -> Result:
    """Call what blocks (SQLite, RSA) in a thread."""
    return await run_in_threadpool(call, *args, **kwargs)
