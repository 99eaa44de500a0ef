"""The pages of test tokens: got as clients get them, decoded, held against an API's endpoints.

A token is asked for by POST and shown by GET, to the session that asked for it alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kinde_guard.local.console.apis import MAX_DOCUMENT_FORM, document_in
from kinde_guard.local.console.applications import application_page
from kinde_guard.local.console.commands import call_command, easiest, token_command
from kinde_guard.local.console.documents import USUAL_URL, Document
from kinde_guard.local.console.form import Form
from kinde_guard.local.console.management_operations import management_operations
from kinde_guard.local.console.overview import api_of, application_row
from kinde_guard.local.console.pages import count
from kinde_guard.local.console.problems import Invalid, NotThere
from kinde_guard.local.console.routing import Console, in_thread
from kinde_guard.local.console.sessions import KeptToken
from kinde_guard.local.console.token_facts import TokenFacts
from kinde_guard.local.form import Form as TokenRequest
from kinde_guard.local.oauth_errors import OAuthError
from kinde_guard.local.store import Api, Application
from kinde_guard.local.tenant import Tenant
from kinde_guard.local.token_endpoint import decide, issue


def token_routes(console: Console) -> list[Route]:
    """Return the routes of these pages."""
    pages = _TokenPages(console)
    return [
        console.changes("/applications/{client_id}/apis/{api_id}/tokens", pages.get),
        console.shows("/tokens/{token}", pages.show),
        console.changes(
            "/tokens/{token}/document", pages.read_document, max_bytes=MAX_DOCUMENT_FORM
        ),
    ]


@dataclass(frozen=True)
class _About:
    """What the tenant's rows say of a token now; either may have been deleted since."""

    application: Application | None
    api: Api | None


class _TokenPages:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._tenant = console.tenant

    async def get(self, request: Request, form: Form) -> Response:
        client_id = request.path_params["client_id"]
        row = await in_thread(application_row, self._tenant.store, client_id)
        try:
            token = await in_thread(_ask, self._tenant, request.path_params, form)
        except Invalid as problem:
            return application_page(self._console, request, row, form, problem)
        name = self._console.sessions.of(request).keep(token)
        return self._console.go(request, f"/tokens/{name}")

    async def show(self, request: Request) -> Response:
        return await self._page(request, Form())

    async def read_document(self, request: Request, form: Form) -> Response:
        token = self._token(request)
        try:
            document = await document_in(form)
        except Invalid as problem:
            return await self._page(request, form, problem)
        self._console.documents.keep(token.audience, document)
        found = count(len(document.operations), "endpoint")
        path = f"/tokens/{request.path_params['token']}#endpoints"
        return self._console.done(request, path, f"{found} were read.")

    def _token(self, request: Request) -> KeptToken:
        token = self._console.sessions.find_token(request, request.path_params["token"])
        if token is None:
            raise NotThere(
                "This token is not shown any more: the console keeps the last few, for the browser"
                " that asked for them, until local Kinde stops. Get a new one."
            )
        return token

    async def _page(
        self, request: Request, typed: Form, problem: Invalid | None = None
    ) -> Response:
        token = self._token(request)
        about = await in_thread(_about, self._tenant, token)
        facts = TokenFacts.of(token.raw)
        document = self._document(token, about)
        return self._console.pages.page(
            request,
            "token.html",
            problem,
            token=token,
            name=request.path_params["token"],
            facts=facts,
            seconds_left=facts.payload["exp"] - self._tenant.clock(),
            about=about,
            document=document,
            call=self._call(token, facts, document),
            ask=self._ask_again(facts, about),
            usual_url=USUAL_URL,
            typed=typed,
        )

    def _document(self, token: KeptToken, about: _About) -> Document | None:
        if about.api is not None and about.api.is_management_api:
            return Document(management_operations(), f"{self._tenant.issuer}/api/v1")
        return self._console.documents.of(token.audience)

    def _call(self, token: KeptToken, facts: TokenFacts, document: Document | None) -> str:
        known = document or Document(())
        is_ours = known.base == self._tenant.issuer
        operation = easiest(known.operations, facts.scopes)
        ca = self._tenant.ca if is_ours else None
        return call_command(known.base, operation, token.raw, ca)

    def _ask_again(self, facts: TokenFacts, about: _About) -> str:
        if about.application is None or facts.is_of_a_person:
            return ""
        parameters = {
            "grant_type": "client_credentials",
            "client_id": about.application.client_id,
            "client_secret": about.application.client_secret,
            "audience": " ".join(facts.payload["aud"]),
            "scope": " ".join(facts.scopes),
        }
        return token_command(self._tenant.issuer, parameters, self._tenant.ca)


def _ask(tenant: Tenant, path: dict[str, str], form: Form) -> KeptToken:
    """Ask the token endpoint's own rules for what the form wants."""
    api = api_of(tenant.store, path["api_id"])
    application = tenant.store.application(path["client_id"])
    if application is None:
        raise NotThere
    scopes = form.every("scope") if form.one("which") == "chosen" else []
    if form.one("which") == "chosen" and not scopes:
        raise Invalid("Choose at least one scope for the token, or ask for all that are on.")
    request = TokenRequest(
        [
            ("grant_type", "client_credentials"),
            ("client_id", application.client_id),
            ("client_secret", application.client_secret),
            ("audience", api.audience),
            ("scope", " ".join(scopes)),
        ]
    )
    try:
        answer = issue(tenant, decide(tenant, request))
    except OAuthError as error:
        raise Invalid(
            f"The token endpoint refused, with the error {error.error}: {error.description}"
        ) from error
    return KeptToken(str(answer["access_token"]), application.client_id, api.audience)


def _about(tenant: Tenant, token: KeptToken) -> _About:
    with tenant.store.reading():
        apis = (api for api in tenant.store.apis() if api.audience == token.audience)
        return _About(tenant.store.application(token.client_id), next(apis, None))
