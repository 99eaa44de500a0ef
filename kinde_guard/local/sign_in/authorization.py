"""``/oauth2/auth``: from an application's request to a code, with or without the page.

======================================  ====================================================
``login_hint`` is a person's e-mail     that person is signed in, without the page
``prompt=none``                         the browser's session, or ``login_required``
``prompt=login``, ``create``            the page
a session                               its person is signed in, without the page
otherwise                               the page "Sign in as …"
======================================  ====================================================

Source: RFC 6749, section 4.1; OpenID Connect Core, section 3.1.2; Kinde, "Using Kinde without an
SDK".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kinde_guard.local.callback_addresses import with_parameters
from kinde_guard.local.form import Form
from kinde_guard.local.oauth_errors import LoginRequired
from kinde_guard.local.sign_in.authorization_request import AuthorizationRequest, read_request
from kinde_guard.local.sign_in.pages import SignInPages
from kinde_guard.local.sign_in.people import Choice, Person, choices, chosen, member
from kinde_guard.local.sign_in.problems import SignInProblem
from kinde_guard.local.sign_in.sessions import BrowserSession, BrowserSessions
from kinde_guard.local.store import RowRefused
from kinde_guard.local.tenant import Tenant
from kinde_guard.local.user_tokens import CODE_LIFETIME

ASKING: Final = frozenset({"login", "create", "select_account"})
"""The prompts that show the page although there is a session."""


@dataclass(frozen=True)
class _Decision:
    """A person to sign in, or else what the page says first."""

    person: Person | None = None
    is_new: bool = False
    notice: str = ""


@dataclass(frozen=True)
class Authorization:
    """The authorization endpoint of a tenant."""

    tenant: Tenant
    sessions: BrowserSessions
    pages: SignInPages

    async def show(self, request: Request) -> Response:
        """Answer an application's request."""
        wanted = await self._wanted(request)
        session = self.sessions.of(request)
        decision = await run_in_threadpool(self._decide, wanted, session)
        if decision.person is None:
            return await self._page(request, wanted, decision.notice)
        if decision.is_new or session is None:
            session = self._start(request, decision.person)
        return await self._answer(request, wanted, decision.person, session, status=302)

    async def choose(self, request: Request, form: Form) -> Response:
        """Sign in the person who was chosen on the page."""
        wanted = await self._wanted(request)
        store = self.tenant.store
        person = await run_in_threadpool(chosen, store, form, wanted.org_code)
        session = self._start(request, person)
        # 303, so that the browser asks for the application's page by GET.
        return await self._answer(request, wanted, person, session, status=303)

    async def _wanted(self, request: Request) -> AuthorizationRequest:
        return await run_in_threadpool(read_request, self.tenant, request.scope["query_string"])

    def _decide(self, wanted: AuthorizationRequest, session: BrowserSession | None) -> _Decision:
        known = self._person_of(wanted, session)
        hinted = self._hinted(wanted)
        is_other = known is not None and hinted is not None and known.user.id != hinted.user.id
        if "none" in wanted.prompts:
            if known is None or is_other:
                raise wanted.refusal(LoginRequired())
            return _Decision(known)
        if hinted is not None:
            is_new = known is None or is_other or "login" in wanted.prompts
            return _Decision(hinted if is_new else known, is_new=is_new)
        if wanted.login_hint and "@" in wanted.login_hint and "create" not in wanted.prompts:
            where = "in the organization that was asked for" if wanted.org_code else "here"
            return _Decision(notice=f"{wanted.login_hint} is no person who may sign in {where}.")
        return _Decision(None if wanted.prompts & ASKING else known)

    def _person_of(
        self, wanted: AuthorizationRequest, session: BrowserSession | None
    ) -> Person | None:
        """Return the session's person, unless it has ended for this application."""
        ends = wanted.application.session_lifetime
        if session is None or self.tenant.clock() >= session.signed_in_at + ends:
            return None
        user = self.tenant.store.user(session.user_id)
        return member(user, wanted.org_code or session.org_code)

    def _hinted(self, wanted: AuthorizationRequest) -> Person | None:
        if not wanted.login_hint:
            return None
        return member(self.tenant.store.user_by_email(wanted.login_hint), wanted.org_code)

    def _start(self, request: Request, person: Person) -> BrowserSession:
        now = self.tenant.clock()
        session = BrowserSession(person.user.id, person.org_code, now)
        self.sessions.start(request, session)
        return session

    async def _answer(
        self,
        request: Request,
        wanted: AuthorizationRequest,
        person: Person,
        session: BrowserSession,
        *,
        status: int,
    ) -> Response:
        name = self.sessions.name_of(request)
        code = await run_in_threadpool(self._code, wanted, person, session, name)
        parameters = [("code", code)]
        if wanted.state is not None:
            parameters.append(("state", wanted.state))
        response = self.pages.redirect(with_parameters(wanted.redirect_uri, parameters), status)
        self.sessions.set_cookie(request, response)
        return response

    def _code(
        self, wanted: AuthorizationRequest, person: Person, session: BrowserSession, name: str
    ) -> str:
        store, now = self.tenant.store, self.tenant.clock()
        try:
            with store.transaction():
                sign_in = store.add_sign_in(
                    client_id=wanted.application.client_id,
                    user_id=person.user.id,
                    org_code=person.org_code,
                    audience=wanted.audience,
                    scopes=wanted.scopes,
                    nonce=wanted.nonce,
                    auth_time=session.signed_in_at,
                    session_id=name,
                )
                return store.add_code(
                    sign_in.id,
                    redirect_uri=wanted.redirect_uri,
                    code_challenge=wanted.code_challenge,
                    expires_at=now + CODE_LIFETIME,
                    now=now,
                )
        except RowRefused as error:
            sentence = "Something was deleted meanwhile. Start again from the application."
            raise SignInProblem("This has changed meanwhile", sentence, status=409) from error

    async def _page(self, request: Request, wanted: AuthorizationRequest, notice: str) -> Response:
        people, organization = await run_in_threadpool(self._people, wanted)
        return self.pages.page(
            request,
            "sign_in.html",
            action=f"/oauth2/auth?{request.scope['query_string'].decode('ascii')}",
            application=wanted.application,
            organization=organization,
            people=people,
            notice=notice,
            is_registering="create" in wanted.prompts,
            email=wanted.login_hint if "@" in wanted.login_hint else "",
        )

    def _people(self, wanted: AuthorizationRequest) -> tuple[list[Choice], str]:
        store, code = self.tenant.store, wanted.org_code
        organization = store.organization(code) if code else None
        return choices(store, code), organization.name if organization else ""
