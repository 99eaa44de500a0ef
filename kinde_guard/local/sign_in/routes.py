"""The routes of sign-in, and what their faults become.

A form that changes something is answered only if it comes from a page of this server (``Origin``,
``Sec-Fetch-Site``) and carries the browser's CSRF token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kinde_guard.local.callback_addresses import with_parameters
from kinde_guard.local.console.problems import FromAnotherSite
from kinde_guard.local.console.same_origin import check_origin
from kinde_guard.local.form import Form, read_form
from kinde_guard.local.oauth_errors import OAuthError
from kinde_guard.local.sign_in.authorization import Authorization
from kinde_guard.local.sign_in.device import DevicePage
from kinde_guard.local.sign_in.pages import SignInPages
from kinde_guard.local.sign_in.problems import ReturnedError, SignInProblem
from kinde_guard.local.sign_in.sessions import BrowserSessions
from kinde_guard.local.sign_in.sign_out import SignOut
from kinde_guard.local.tenant import Tenant

Show = Callable[[Request], Awaitable[Response]]
Change = Callable[[Request, Form], Awaitable[Response]]


def sign_in_routes(tenant: Tenant) -> list[BaseRoute]:
    """Return the routes of the authorization endpoint, of devices' pages and of sign-out."""
    sessions = BrowserSessions(tenant.issuer)
    pages = SignInPages(tenant, sessions)
    authorization = Authorization(tenant, sessions, pages)
    device = DevicePage(tenant, sessions, pages)
    sign_out = SignOut(tenant, sessions, pages)

    def answers(path: str, method: str, show: Show, status: int) -> Route:
        async def answered(request: Request) -> Response:
            try:
                return await show(request)
            except SignInProblem as problem:
                return pages.problem(problem)
            except ReturnedError as error:
                url = with_parameters(error.redirect_uri, error.parameters)
                return pages.redirect(url, status)

        return Route(path, answered, methods=[method])

    def shows(path: str, show: Show) -> Route:
        return answers(path, "GET", show, 302)

    def changes(path: str, change: Change) -> Route:
        async def checked(request: Request) -> Response:
            return await change(request, await _own_form(request, tenant, sessions))

        return answers(path, "POST", checked, 303)

    return [
        shows("/oauth2/auth", authorization.show),
        changes("/oauth2/auth", authorization.choose),
        shows("/device", device.show),
        changes("/device", device.choose),
        shows("/logout", sign_out.show),
    ]


async def _own_form(request: Request, tenant: Tenant, sessions: BrowserSessions) -> Form:
    """Return the form of a page of ours, or raise ``SignInProblem``."""
    try:
        check_origin(request.method, request.headers, tenant.issuer)
        form = await read_form(request)
    except FromAnotherSite as error:
        raise SignInProblem(
            "This request came from another site",
            "Nothing was done: only the sign-in page itself can sign a person in.",
            status=403,
        ) from error
    except OAuthError as error:
        sentence = "The form is broken. Go back, reload the page and try again."
        raise SignInProblem("This form cannot be read", sentence, status=error.status) from error
    if not sessions.is_csrf_token(request, form.one("csrf_token")):
        sentence = "The page is of an earlier session. Go back, reload it and choose again."
        raise SignInProblem("This page is out of date", sentence, status=403)
    return form
