"""``GET /logout``: ends the browser's session, and leads to an address that is allowed for that.

The address (``redirect``; ``post_logout_redirect_uri`` of OpenID Connect) is compared as a whole
with the logout addresses of the tenant's applications; at any other one nothing happens. Sign-ins
of the session are revoked: refresh tokens end, and access tokens show as inactive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kinde_guard.local.callback_addresses import is_address, with_parameters
from kinde_guard.local.sign_in.pages import SignInPages
from kinde_guard.local.sign_in.problems import SignInProblem
from kinde_guard.local.sign_in.sessions import BrowserSessions
from kinde_guard.local.tenant import Tenant

NAMES: Final = ("redirect", "post_logout_redirect_uri")


@dataclass(frozen=True)
class SignOut:
    """The end of sessions of a tenant."""

    tenant: Tenant
    sessions: BrowserSessions
    pages: SignInPages

    async def show(self, request: Request) -> Response:
        """End the session."""
        pairs = _pairs(request.scope["query_string"])
        addresses = [value for name, value in pairs if name in NAMES and value]
        if addresses:
            await run_in_threadpool(self._check, addresses)
        name = self.sessions.name_of(request)
        self.sessions.end(request)
        now = self.tenant.clock()
        await run_in_threadpool(lambda: self.tenant.store.revoke_session(name, now=now))
        response = self._answer(addresses, [value for key, value in pairs if key == "state"])
        self.sessions.delete_cookie(response)
        return response

    def _answer(self, addresses: list[str], states: list[str]) -> Response:
        if not addresses:
            return self.pages.message("Signed out", "You are signed out. You can close this page.")
        parameters = [("state", states[0])] if len(states) == 1 else []
        url = with_parameters(addresses[0], parameters) if parameters else addresses[0]
        return self.pages.redirect(url)

    def _check(self, addresses: list[str]) -> None:
        allowed = {
            url
            for application in self.tenant.store.applications()
            for url in application.logout_uris
        }
        if len(addresses) > 1 or addresses[0] not in allowed or not is_address(addresses[0]):
            raise SignInProblem(
                "This logout address is not allowed",
                "You are still signed in. The address is included twice, or is none of those that"
                " are allowed for an application, letter for letter: allow it in the console, or"
                " by POST /api/v1/applications/{id}/auth_logout_urls.",
            )


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("ascii"), errors="strict", max_num_fields=64)
    except ValueError as error:
        sentence = "The address is not UTF-8, or holds too many parameters."
        raise SignInProblem("This request cannot be read", sentence) from error
