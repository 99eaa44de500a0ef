"""The forms of an application beside its APIs: addresses, token customization, its secret."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kinde_guard.local.callback_addresses import is_address
from kinde_guard.local.console.applications import application_page
from kinde_guard.local.console.customization import customization_in
from kinde_guard.local.console.form import Form
from kinde_guard.local.console.overview import application_row
from kinde_guard.local.console.problems import Invalid, NotThere
from kinde_guard.local.console.routing import Console, in_thread
from kinde_guard.local.console.sessions import Secret


def application_setting_routes(console: Console) -> list[Route]:
    """Return the routes of these forms."""
    forms = _SettingForms(console)
    one = "/applications/{client_id}"
    return [
        console.changes(f"{one}/addresses", forms.save_addresses),
        console.changes(f"{one}/customization", forms.customize),
        console.changes(f"{one}/secret", forms.reveal),
    ]


class _SettingForms:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._store = console.tenant.store

    async def save_addresses(self, request: Request, form: Form) -> Response:
        client_id = request.path_params["client_id"]
        row = await in_thread(application_row, self._store, client_id)
        try:
            callbacks, logouts = _addresses(form, "callbacks"), _addresses(form, "logouts")
        except Invalid as problem:
            return application_page(self._console, request, row, form, problem)
        await in_thread(
            self._store.update_application,
            client_id,
            redirect_uris=callbacks,
            logout_uris=logouts,
        )
        return self._back(request, "addresses", "The addresses were saved.")

    async def customize(self, request: Request, form: Form) -> Response:
        client_id = request.path_params["client_id"]
        await in_thread(application_row, self._store, client_id)
        await in_thread(self._store.customize_tokens, client_id, customization_in(form))
        return self._back(request, "customization", "Saved: new tokens are made so.")

    async def reveal(self, request: Request, _: Form) -> Response:
        """Show the secret on the next page: programs that only read the page never see it."""
        client_id = request.path_params["client_id"]
        row = await in_thread(application_row, self._store, client_id)
        if row.application.client_secret is None:
            raise NotThere("This application has no secret.")
        secret = Secret(client_id, row.application.client_secret)
        self._console.sessions.of(request).secret = secret
        return self._console.go(request, f"/applications/{client_id}#credentials")

    def _back(self, request: Request, part: str, sentence: str) -> Response:
        path = f"/applications/{request.path_params['client_id']}#{part}"
        return self._console.done(request, path, sentence)


def _addresses(form: Form, name: str) -> list[str]:
    urls = [line.strip() for line in form.one(name).splitlines() if line.strip()]
    for url in urls:
        if not is_address(url):
            raise Invalid(
                f"{url} is no address to be led to: it must be absolute, such as"
                " http://localhost:3000/callback, and have no fragment."
            )
    return list(dict.fromkeys(urls))
