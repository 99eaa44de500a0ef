"""The pages of applications: which there are, what each may ask for, and the switches for that."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kinde_guard.local.console.customization import customization_switches
from kinde_guard.local.console.form import Form
from kinde_guard.local.console.overview import (
    ApplicationRow,
    api_of,
    application_row,
    application_rows,
)
from kinde_guard.local.console.pages import TYPES, count
from kinde_guard.local.console.problems import Invalid
from kinde_guard.local.console.routing import Console, in_thread
from kinde_guard.local.store import ApiScope, ApplicationType, Store

MAX_LIFETIME: Final = 31_536_000
"""Seconds that an access token may be made to live: a year."""
NAMED: Final = 4
"""How many scopes a sentence names before it counts them."""


def application_routes(console: Console) -> list[Route]:
    """Return the routes of these pages."""
    pages = _ApplicationPages(console)
    one = "/applications/{client_id}"
    api = one + "/apis/{api_id}"
    return [
        console.shows("/", pages.index),
        console.changes("/applications", pages.create),
        console.shows(one, pages.show),
        console.changes(one, pages.update),
        console.changes(f"{one}/delete", pages.delete),
        console.changes(f"{api}/authorise", pages.authorise),
        console.changes(f"{api}/deauthorise", pages.deauthorise),
        console.changes(f"{api}/scopes", pages.switch),
    ]


class _ApplicationPages:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._store = console.tenant.store

    async def index(self, request: Request) -> Response:
        return await self._index(request, Form())

    async def create(self, request: Request, form: Form) -> Response:
        try:
            name = form.text("name", "The name")
            kind = _type(form.one("type"))
        except Invalid as problem:
            return await self._index(request, form, problem)
        application = await in_thread(self._store.add_application, name, type=kind)
        return self._console.done(
            request,
            f"/applications/{application.client_id}",
            f"{name} was created. Next, say which APIs it may call.",
        )

    async def show(self, request: Request) -> Response:
        row = await in_thread(application_row, self._store, request.path_params["client_id"])
        return application_page(self._console, request, row, Form())

    async def update(self, request: Request, form: Form) -> Response:
        client_id = request.path_params["client_id"]
        row = await in_thread(application_row, self._store, client_id)
        try:
            name = form.text("name", "The name")
            lifetime = _lifetime(form)
        except Invalid as problem:
            return application_page(self._console, request, row, form, problem)

        def write() -> None:
            with self._store.transaction():
                self._store.update_application(client_id, name=name)
                self._store.set_token_lifetimes(client_id, access=lifetime)

        await in_thread(write)
        return self._console.done(request, f"/applications/{client_id}", "Saved.")

    async def delete(self, request: Request, _: Form) -> Response:
        client_id = request.path_params["client_id"]
        row = await in_thread(application_row, self._store, client_id)
        await in_thread(self._store.delete_application, client_id)
        return self._console.done(request, "/", f"{row.application.name} was deleted.")

    async def authorise(self, request: Request, _: Form) -> Response:
        name, api = await in_thread(self._names, request)
        await in_thread(self._store.authorise, *_ids(request))
        return self._back(request, f"{name} may now ask for {api}. Switch on what it needs.")

    async def deauthorise(self, request: Request, _: Form) -> Response:
        name, api = await in_thread(self._names, request)
        client_id, api_id = _ids(request)
        await in_thread(self._store.deauthorise, client_id, api_id)
        return self._console.done(
            request, f"/applications/{client_id}", f"{name} may no longer ask for {api}."
        )

    async def switch(self, request: Request, form: Form) -> Response:
        shown, chosen = frozenset(form.every("was_on")), frozenset(form.every("scope"))
        sentence = await in_thread(
            _switch, self._store, *_ids(request), on=chosen - shown, off=shown - chosen
        )
        return self._back(request, sentence)

    async def _index(
        self, request: Request, typed: Form, problem: Invalid | None = None
    ) -> Response:
        rows = await in_thread(application_rows, self._store)
        return self._console.pages.page(
            request, "applications.html", problem, rows=rows, typed=typed
        )

    def _names(self, request: Request) -> tuple[str, str]:
        client_id, api_id = _ids(request)
        row = application_row(self._store, client_id)
        return row.application.name, api_of(self._store, api_id).name

    def _back(self, request: Request, sentence: str) -> Response:
        client_id, api_id = _ids(request)
        return self._console.done(request, f"/applications/{client_id}#api-{api_id}", sentence)


def application_page(
    console: Console,
    request: Request,
    row: ApplicationRow,
    typed: Form,
    problem: Invalid | None = None,
) -> Response:
    """Return the page of one application, with what was typed into the form that was refused."""
    return console.pages.page(
        request,
        "application.html",
        problem,
        row=row,
        typed=typed,
        typed_for=request.path_params.get("api_id", ""),
        customization=customization_switches(row.application),
    )


def _ids(request: Request) -> tuple[str, str]:
    return request.path_params["client_id"], request.path_params["api_id"]


def _switch(
    store: Store, client_id: str, api_id: str, *, on: Collection[str], off: Collection[str]
) -> str:
    """Switch what the person switched, and nothing that changed meanwhile; say what was done."""
    with store.transaction():
        application_row(store, client_id)
        scopes = {scope.id: scope for scope in api_of(store, api_id).scopes}
        # What was deleted while the page was open needs no switching off.
        gone, held = off & scopes.keys(), store.granted_scope_ids(client_id, api_id)
        if not store.is_authorised(client_id, api_id) or not scopes.keys() >= set(on):
            raise Invalid(
                "Nothing was saved: the API or its scopes have changed since the page was opened."
                " Open it again."
            )
        store.replace_grants(client_id, api_id, (held | set(on)) - gone)
    return _what_was_switched([scopes[each] for each in on], [scopes[each] for each in gone])


def _what_was_switched(on: list[ApiScope], off: list[ApiScope]) -> str:
    changes = [
        f"{_listed(scopes)} {'are' if len(scopes) > 1 else 'is'} now {state}"
        for scopes, state in ((on, "on"), (off, "off"))
        if scopes
    ]
    if not changes:
        return "Nothing was changed: every switch was as it is."
    warning = " Tokens that were issued before keep what they hold until they expire."
    return f"Saved: {', and '.join(changes)}.{warning if off else ''}"


def _listed(scopes: list[ApiScope]) -> str:
    keys = sorted(scope.key for scope in scopes)
    if len(keys) > NAMED:
        return count(len(keys), "scope")
    return " and ".join(part for part in (", ".join(keys[:-1]), keys[-1]) if part)


def _type(typed: str) -> ApplicationType:
    for code in TYPES:
        if code == typed:
            return code
    raise Invalid("Choose one of the types.")


def _lifetime(form: Form) -> int:
    seconds = form.number("lifetime", "The token lifetime", least=1, most=MAX_LIFETIME)
    if not seconds.is_integer():
        raise Invalid("The token lifetime must be a whole number of seconds.")
    return int(seconds)
