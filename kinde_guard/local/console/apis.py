"""The pages of APIs: which there are, their scopes, and what is known of their endpoints."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kinde_guard.local.console.documents import MAX_BYTES, USUAL_URL, Document, read
from kinde_guard.local.console.form import Form
from kinde_guard.local.console.overview import api_of, api_row, api_rows
from kinde_guard.local.console.pages import count
from kinde_guard.local.console.problems import Invalid, NotThere
from kinde_guard.local.console.routing import Console, in_thread
from kinde_guard.local.management_audience import management_audiences
from kinde_guard.local.store import AlreadyThere, Api

MAX_DOCUMENT_FORM: Final = 3 * MAX_BYTES + 4_096
"""Bytes of a form with a document in it, every byte of which may be percent-encoded."""
MAX_DESCRIPTION: Final = 256
MAX_URL: Final = 2_048

# RFC 6749, section 3.3: what a scope may consist of.
_SCOPE: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


def api_routes(console: Console) -> list[Route]:
    """Return the routes of these pages."""
    pages = _ApiPages(console)
    one = "/apis/{api_id}"
    return [
        console.shows("/apis", pages.index),
        console.changes("/apis", pages.create),
        console.shows(one, pages.show),
        console.changes(f"{one}/delete", pages.delete),
        console.changes(f"{one}/scopes", pages.add_scope),
        console.changes(one + "/scopes/{scope_id}/delete", pages.delete_scope),
        console.changes(f"{one}/document", pages.read_document, max_bytes=MAX_DOCUMENT_FORM),
        console.changes(f"{one}/document/forget", pages.forget_document),
    ]


class _ApiPages:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._store = console.tenant.store

    async def index(self, request: Request) -> Response:
        return await self._index(request, Form())

    async def create(self, request: Request, form: Form) -> Response:
        try:
            name = form.text("name", "The name")
            audience = form.text("audience", "The audience")
            _check_audience(audience, self._console.tenant.issuer)
            api_id = await in_thread(self._store.add_api, name, audience)
        except AlreadyThere:
            return await self._index(request, form, Invalid(_TAKEN_AUDIENCE))
        except Invalid as problem:
            return await self._index(request, form, problem)
        return self._console.done(
            request, f"/apis/{api_id}", f"{name} was created. Next, add its scopes."
        )

    async def show(self, request: Request) -> Response:
        return await self._page(request, Form())

    async def delete(self, request: Request, _: Form) -> Response:
        api = await self._own_api(request)
        await in_thread(self._store.delete_api, api.id)
        self._console.documents.forget(api.audience)
        return self._console.done(request, "/apis", f"{api.name} was deleted.")

    async def add_scope(self, request: Request, form: Form) -> Response:
        api = await self._own_api(request)
        try:
            key = form.text("key", "The scope")
            if not _SCOPE.fullmatch(key):
                raise Invalid(_ODD_SCOPE)
            text = form.text(
                "description", "The description", longest=MAX_DESCRIPTION, needed=False
            )
            await in_thread(self._store.add_scope, api.id, key, text)
        except AlreadyThere:
            return await self._page(request, form, Invalid(f"{api.name} has {key} already."))
        except Invalid as problem:
            return await self._page(request, form, problem)
        return self._console.done(
            request, f"/apis/{api.id}#scopes", f"{key} was added. No application holds it yet."
        )

    async def delete_scope(self, request: Request, _: Form) -> Response:
        api = await self._own_api(request)
        scope_id = request.path_params["scope_id"]
        key = next((scope.key for scope in api.scopes if scope.id == scope_id), None)
        if key is None:
            raise NotThere("There is no such scope; it may have been deleted.")
        await in_thread(self._store.delete_scope, api.id, scope_id)
        return self._console.done(request, f"/apis/{api.id}#scopes", f"{key} was deleted.")

    async def read_document(self, request: Request, form: Form) -> Response:
        api = await self._own_api(request)
        try:
            document = await document_in(form)
        except Invalid as problem:
            return await self._page(request, form, problem)
        self._console.documents.keep(api.audience, document)
        found = count(len(document.operations), "endpoint")
        return self._console.done(request, f"/apis/{api.id}#endpoints", f"{found} were read.")

    async def forget_document(self, request: Request, _: Form) -> Response:
        api = await self._own_api(request)
        self._console.documents.forget(api.audience)
        return self._console.done(
            request, f"/apis/{api.id}#endpoints", "The document was forgotten."
        )

    async def _index(
        self, request: Request, typed: Form, problem: Invalid | None = None
    ) -> Response:
        rows = await in_thread(api_rows, self._store)
        return self._console.pages.page(request, "apis.html", problem, rows=rows, typed=typed)

    async def _own_api(self, request: Request) -> Api:
        """Return the API, if it is one that a person may change."""
        api = await in_thread(api_of, self._store, request.path_params["api_id"])
        if api.is_management_api:
            raise Invalid("The Management API belongs to Kinde: it cannot be changed here.")
        return api

    async def _page(
        self, request: Request, typed: Form, problem: Invalid | None = None
    ) -> Response:
        row = await in_thread(api_row, self._store, request.path_params["api_id"])
        return self._console.pages.page(
            request,
            "api.html",
            problem,
            row=row,
            document=self._console.documents.of(row.api.audience),
            usual_url=USUAL_URL,
            typed=typed,
        )


async def document_in(form: Form) -> Document:
    """Return the document that the form holds or points to, or raise ``Invalid``."""
    pasted = form.one("text").strip()
    if pasted:
        return await read(pasted.encode())
    url = form.text("url", "The address", longest=MAX_URL, needed=False)
    if not url:
        raise Invalid("Name the address of the OpenAPI document, or paste its text.")
    # Brings httpx with it, see there.
    from kinde_guard.local.console.loopback_fetch import fetch  # noqa: PLC0415

    return await fetch(url)


_TAKEN_AUDIENCE: Final = "Another API has this audience: choose one that is not taken."
_ODD_SCOPE: Final = (
    "A scope is one word of printable ASCII characters, without quotation marks and backslashes,"
    " such as read:users."
)


def _check_audience(audience: str, issuer: str) -> None:
    if " " in audience:
        raise Invalid("The audience must be one word, such as https://api.example.com.")
    if audience == issuer:
        raise Invalid("The audience cannot be the issuer: guards refuse such tokens.")
    if audience in management_audiences(issuer):
        raise Invalid(_TAKEN_AUDIENCE)
