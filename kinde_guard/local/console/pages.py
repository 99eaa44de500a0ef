"""Pages from templates, every value escaped, and what each of them shows beside its own matter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from kinde_guard.local.console.problems import Problem
from kinde_guard.local.console.sessions import Notice, Sessions
from kinde_guard.local.store import ApplicationType
from kinde_guard.local.tenant import Tenant

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).parent / "templates"

TYPES: Final[Mapping[ApplicationType, str]] = {
    "m2m": "Machine to machine (M2M)",
    "reg": "Back-end web",
    "spa": "Front-end and mobile",
    "device": "Device and IoT",
}
"""The types of application, as Kinde displays them."""

SECTIONS: Final = {
    "Applications": "/",
    "APIs": "/apis",
    "People": "/people",
    "Organizations": "/organizations",
    "Roles": "/roles",
    "Flags": "/flags",
    "API keys": "/keys",
    "Webhooks": "/webhooks",
    "Rehearse": "/rehearse",
}
"""The parts of the console, each with the path of its first page."""

SPANS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


class Pages:
    """The templates of one console."""

    def __init__(self, tenant: Tenant, sessions: Sessions) -> None:
        self._tenant = tenant
        self._sessions = sessions

    def page(
        self, request: Request, template: str, problem: Problem | None = None, **values: object
    ) -> Response:
        """Return a page of the console.

        It says first why the form that was sent cannot be used, or else what the session is to be
        told.
        """
        if problem is None:
            status, notice = 200, self._sessions.take_notice(request)
        else:
            status, notice = problem.status, Notice(str(problem), "problem")
        secret = self._sessions.take_secret(request)
        response = self._render(
            request, template, status, {"notice": notice, "secret": secret, **values}
        )
        self._sessions.set_cookie(request, response, f"{base_of(request)}/")
        return response

    def problem(self, request: Request, problem: Problem) -> Response:
        """Return the page that says what is wrong. It knows of no session and starts none."""
        values = {"problem": problem, "notice": None}
        return self._render(request, "problem.html", problem.status, values)

    def _render(
        self, request: Request, template: str, status: int, values: Mapping[str, object]
    ) -> Response:
        text = self._environment.get_template(template).render(
            base=base_of(request),
            csrf_token=self._sessions.csrf_token(request),
            issuer=self._tenant.issuer,
            types=TYPES,
            sections=SECTIONS,
            rehearsed=rehearsed(self._tenant),
            **values,
        )
        return HTMLResponse(text, status)

    @cached_property
    def _environment(self) -> Environment:
        """Made for the first page: a local Kinde that no person looks at never imports Jinja2."""
        try:
            from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415
        except ModuleNotFoundError as error:
            hint = "The console needs Jinja2: install kinde-guard with its extra local."
            raise ModuleNotFoundError(hint, name=error.name) from error
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(moment=moment, span=span, count=count)
        return environment


def rehearsed(tenant: Tenant) -> list[str]:
    """Return what is not as it is on a good day: faults in force, and the clock if it was moved."""
    found = []
    faults = len(tenant.faults.active)
    if faults:
        found.append(f"{count(faults, 'fault')} in force")
    offset = tenant.clock.offset
    if tenant.clock.is_frozen:
        found.append(f"the clock stands still at {moment(tenant.clock())}")
    elif offset:
        found.append(f"the clock is {span(offset)} {'ahead' if offset > 0 else 'behind'}")
    return found


def base_of(request: Request) -> str:
    """Return the path under which the console is mounted, "" for the root."""
    base: str = request.scope.get("root_path", "")
    return base.rstrip("/")


def moment(seconds: float) -> str:
    """Return a time of the epoch as a person reads it, in UTC; "" if the calendar has no such."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return ""


def span(seconds: float) -> str:
    """Return a duration in its two largest units.

    Example:
        >>> span(90_000)
        '1 day 1 hour'
    """
    left, words = abs(int(seconds)), []
    for length, unit in SPANS:
        number, left = divmod(left, length)
        if number:
            words.append(count(number, unit))
    return " ".join(words[:2]) or "0 seconds"


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    Example:
        >>> count(1, "scope"), count(2, "scope")
        ('1 scope', '2 scopes')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
