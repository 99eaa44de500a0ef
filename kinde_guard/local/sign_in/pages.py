"""The pages of sign-in, from templates, every value escaped, and what each answer carries.

A page needs nothing beside itself: its style stands in it, allowed by its digest, and it has no
script. There is no ``form-action``: browsers hold it against every redirect that follows a form,
which here leads to the application and from there wherever that leads. There is no
``Cross-Origin-Opener-Policy``: Swagger UI opens sign-in in a window of its own, which must find its
opener again.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from kinde_guard.local.sign_in.problems import SignInProblem
from kinde_guard.local.sign_in.sessions import BrowserSessions
from kinde_guard.local.tenant import Tenant

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).parent / "templates"

HEADERS: Final = {
    "Cache-Control": "no-store",
    # Not "no-referrer": under that, browsers send "Origin: null" with the page's own forms.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class SignInPages:
    """The templates of one tenant."""

    def __init__(self, tenant: Tenant, sessions: BrowserSessions) -> None:
        self._tenant = tenant
        self._sessions = sessions

    def page(
        self, request: Request, template: str, *, status: int = 200, **values: object
    ) -> Response:
        """Return a page with the browser's CSRF token for its forms."""
        token = self._sessions.csrf_token(request)
        response = self._render(template, status, csrf_token=token, **values)
        self._sessions.set_cookie(request, response)
        return response

    def problem(self, problem: SignInProblem) -> Response:
        """Return the page that says why the sign-in does not go on. It leads nowhere."""
        return self._render("problem.html", problem.status, problem=problem)

    def message(self, title: str, sentence: str) -> Response:
        """Return a page that says one thing."""
        return self._render("message.html", 200, title=title, sentence=sentence)

    def redirect(self, url: str, status: int = 302) -> Response:
        """Return the way to another address, which is already encoded."""
        return Response(status_code=status, headers={**HEADERS, "Location": url})

    def _render(self, template: str, status: int, **values: object) -> Response:
        page = self._environment.get_template(template)
        text = page.render(style=self._style, issuer=self._tenant.issuer, **values)
        return HTMLResponse(text, status, {**HEADERS, "Content-Security-Policy": self._policy})

    @cached_property
    def _style(self) -> str:
        return (TEMPLATES / "sign_in.css").read_text("utf-8")

    @cached_property
    def _policy(self) -> str:
        digest = b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{digest}';"
            " base-uri 'none'; frame-ancestors 'none'"
        )

    @cached_property
    def _environment(self) -> Environment:
        """Made for the first page: a local Kinde that no person looks at never imports Jinja2."""
        try:
            from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415
        except ModuleNotFoundError as error:
            hint = "The sign-in page needs Jinja2: install kinde-guard with its extra local."
            raise ModuleNotFoundError(hint, name=error.name) from error
        return Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
