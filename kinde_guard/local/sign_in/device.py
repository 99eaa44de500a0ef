"""``/device``: where a person signs in for a device, by the code that it shows (RFC 8628, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from kinde_guard.local.device_codes import WaitingDevice
from kinde_guard.local.form import Form
from kinde_guard.local.sign_in.pages import SignInPages
from kinde_guard.local.sign_in.people import choices, chosen
from kinde_guard.local.sign_in.problems import SignInProblem
from kinde_guard.local.sign_in.sessions import BrowserSessions
from kinde_guard.local.store import RowRefused
from kinde_guard.local.tenant import Tenant


@dataclass(frozen=True)
class DevicePage:
    """The verification page of a tenant."""

    tenant: Tenant
    sessions: BrowserSessions
    pages: SignInPages

    async def show(self, request: Request) -> Response:
        """Ask for the code, or, if the address has a good one, for the person."""
        typed = request.query_params.get("user_code", "")
        device = self._find(typed)
        if device is None:
            notice = "No device waits under this code, or not any more." if typed else ""
            return self.pages.page(request, "device_code.html", notice=notice, typed=typed[:32])
        store = self.tenant.store
        application = await run_in_threadpool(store.application, device.client_id)
        if application is None:
            raise _gone()
        return self.pages.page(
            request,
            "device.html",
            application=application,
            people=await run_in_threadpool(choices, store, None),
            user_code=device.user_code,
        )

    async def choose(self, _: Request, form: Form) -> Response:
        """Sign in the person who was chosen, on the device; or refuse it."""
        device = self._find(form.one("user_code"))
        if device is None:
            raise _gone()
        if form.one("deny"):
            device.is_denied = True
            return self.pages.message("Refused", "The device was not signed in.")
        await run_in_threadpool(self._approve, device, form)
        sentence = "The device is signed in. You can close this page."
        return self.pages.message("Done", sentence)

    def _find(self, typed: str) -> WaitingDevice | None:
        return self.tenant.device_codes.find(typed, now=self.tenant.clock())

    def _approve(self, device: WaitingDevice, form: Form) -> None:
        store = self.tenant.store
        person = chosen(store, form, None)
        try:
            sign_in = store.add_sign_in(
                client_id=device.client_id,
                user_id=person.user.id,
                org_code=person.org_code,
                audience=device.audience,
                scopes=device.scopes,
                auth_time=self.tenant.clock(),
            )
        except RowRefused as error:
            raise _gone() from error
        device.sign_in_id = sign_in.id


def _gone() -> SignInProblem:
    sentence = "Let the device show a new code."
    return SignInProblem("No device waits under this code", sentence, status=409)
