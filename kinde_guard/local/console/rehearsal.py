"""The page for rehearsing bad days: rotated keys, endpoints at fault, another time."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kinde_guard.local.console.form import Form
from kinde_guard.local.console.pages import span
from kinde_guard.local.console.problems import Invalid
from kinde_guard.local.console.routing import Console, in_thread
from kinde_guard.local.faults import FAULTS_OF_KEY_SETS, FaultName
from kinde_guard.local.paths import Endpoint
from kinde_guard.local.signing import SigningKey

FAULTS: Final[dict[FaultName, str]] = {
    "status": "answers with a status you choose",
    "slow": "answers after some seconds",
    "trickle": "answers bit by bit, over seconds",
    "garbage": "answers with HTML, not JSON",
    "truncated": "stops half way",
    "invalid_utf8": "answers with bytes, not text",
    "oversized": "answers with far too much",
    "redirect": "redirects",
    "no_keys": "publishes an empty key set",
    "unusable_keys": "publishes unusable keys",
    "disconnect": "closes without an answer",
}
"""What each fault does, as the page says it."""
ENDPOINT_NAMES: Final[dict[Endpoint, str]] = {"jwks": "Key set", "token": "Token endpoint"}
UNITS: Final = {"minutes": 60, "hours": 3_600, "days": 86_400}

MAX_SECONDS: Final = 3_600
MAX_SIZE: Final = 16_777_216
MAX_UNITS: Final = 1_000_000


def rehearsal_routes(console: Console) -> list[Route]:
    """Return the routes of this page."""
    pages = _RehearsalPage(console)
    return [
        console.shows("/rehearse", pages.show),
        console.changes("/rehearse/keys", pages.rotate),
        console.changes("/rehearse/faults", pages.fail),
        console.changes("/rehearse/faults/recover", pages.recover),
        console.changes("/rehearse/clock", pages.set_clock),
    ]


class _RehearsalPage:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._tenant = console.tenant

    async def show(self, request: Request) -> Response:
        return await self._page(request, Form())

    async def rotate(self, request: Request, form: Form) -> Response:
        keep_old = form.one("keep_old") == "yes"
        await in_thread(self._tenant.rotate_keys, keep_old=keep_old)
        former = (
            "The former keys stay published: tokens that they signed stay good."
            if keep_old
            else "The former keys are withdrawn: tokens that they signed are no longer good."
        )
        return self._done(request, "keys", f"A new key signs from now on. {former}")

    async def fail(self, request: Request, form: Form) -> Response:
        try:
            fault = self._tenant.faults.fail(
                _fault(form),
                endpoint=_endpoint(form),
                status=int(form.number("status", "The status", least=200, most=599)),
                seconds=form.number("seconds", "The seconds", least=0, most=MAX_SECONDS),
                size=int(form.number("size", "The size", least=0, most=MAX_SIZE)),
            )
        except Invalid as problem:
            return await self._page(request, form, problem)
        what = f"{ENDPOINT_NAMES[fault.endpoint]} {FAULTS[fault.what]}"
        return self._done(request, "faults", f"{what}, from now on and until you end it.")

    async def recover(self, request: Request, _: Form) -> Response:
        self._tenant.faults.recover()
        return self._done(request, "faults", "All faults are over.")

    async def set_clock(self, request: Request, form: Form) -> Response:
        try:
            sentence = self._set_clock(form)
        except Invalid as problem:
            return await self._page(request, form, problem)
        return self._done(request, "clock", sentence)

    def _set_clock(self, form: Form) -> str:
        clock = self._tenant.clock
        match form.one("do"):
            case "forward" | "back" as direction:
                return self._move(form, 1 if direction == "forward" else -1)
            case "freeze":
                clock.freeze()
                return "The clock stands still."
            case "reset":
                clock.reset()
                return "The clock shows the real time again."
            case _:
                raise Invalid("Choose what to do with the clock.")

    def _move(self, form: Form, sign: int) -> str:
        amount = form.number("amount", "The amount", least=0, most=MAX_UNITS)
        if form.one("unit") not in UNITS:
            raise Invalid("Choose minutes, hours or days.")
        seconds = sign * amount * UNITS[form.one("unit")]
        try:
            self._tenant.clock.advance(seconds)
        except ValueError:
            raise Invalid("The clock can show the years 1970 to 9999 only.") from None
        return f"The clock was moved {'forward' if sign > 0 else 'back'} by {span(seconds)}."

    def _done(self, request: Request, part: str, sentence: str) -> Response:
        return self._console.done(request, f"/rehearse#{part}", sentence)

    async def _page(
        self, request: Request, typed: Form, problem: Invalid | None = None
    ) -> Response:
        return self._console.pages.page(
            request,
            "rehearse.html",
            problem,
            keys=await in_thread(self._keys),
            active=self._tenant.faults.active,
            requests=dict(self._tenant.requests),
            clock=self._tenant.clock,
            faults=FAULTS,
            endpoints=ENDPOINT_NAMES,
            units=UNITS,
            typed=typed,
        )

    def _keys(self) -> tuple[SigningKey, ...]:
        return tuple(reversed(self._tenant.keys.keys))


def _fault(form: Form) -> FaultName:
    what = next((name for name in FAULTS if name == form.one("what")), None)
    if what is None:
        raise Invalid("Choose what is to go wrong.")
    if what in FAULTS_OF_KEY_SETS and form.one("endpoint") != "jwks":
        raise Invalid("Only the key set can do that: choose it as the endpoint.")
    return what


def _endpoint(form: Form) -> Endpoint:
    for endpoint in ENDPOINT_NAMES:
        if endpoint == form.one("endpoint"):
            return endpoint
    raise Invalid("Choose an endpoint.")
