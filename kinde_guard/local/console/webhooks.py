"""The page of webhooks: endpoints, an event on demand, and how deliveries went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.routing import Route

from kinde_guard.local.callback_addresses import is_address
from kinde_guard.local.console.form import Form
from kinde_guard.local.console.pages import count
from kinde_guard.local.console.people import name_of
from kinde_guard.local.console.problems import Invalid, NotThere
from kinde_guard.local.console.routing import At, Console, Done, Sheet
from kinde_guard.local.store import Store
from kinde_guard.local.tenant import Tenant
from kinde_guard.local.webhooks import EVENT_TYPES
from kinde_guard.local.webhooks.changes import state_of
from kinde_guard.local.webhooks.event import Event

MAX_URL: Final = 1_024
SHOWN: Final = 50
"""How many deliveries the page lists."""


def webhook_routes(console: Console) -> list[Route]:
    """Return the routes of this page."""
    webhooks = _Webhooks(console.tenant)
    page = Sheet("webhooks.html", webhooks.index)
    return [
        console.sheet("/webhooks", page),
        console.edits("/webhooks", webhooks.register, page),
        console.edits("/webhooks/send", webhooks.send, page),
        console.edits("/webhooks/deliver", webhooks.deliver, page),
        console.edits("/webhooks/{webhook_id}/delete", webhooks.delete, page),
    ]


class _Webhooks:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._webhooks = tenant.webhooks

    def index(self, _: At) -> Mapping[str, object]:
        deliveries = self._webhooks.deliveries
        people = [(user.id, name_of(user)) for user in self._tenant.store.users()]
        return {
            "webhooks": self._webhooks.all,
            "deliveries": deliveries[: -SHOWN - 1 : -1],
            "total": len(deliveries),
            "is_pending": any(each.is_pending for each in deliveries),
            "event_types": EVENT_TYPES,
            "people": people,
        }

    def register(self, _: At, form: Form) -> Done:
        endpoint = form.text("endpoint", "The address", longest=MAX_URL)
        if not endpoint.lower().startswith(("http://", "https://")) or not is_address(endpoint):
            raise Invalid("The address must be a URL such as http://localhost:8000/webhooks.")
        types = form.every("event_type")
        if not types or not set(types) <= set(EVENT_TYPES):
            raise Invalid("Choose at least one of the event types.")
        name = form.text("name", "The name", needed=False) or "Webhook"
        self._webhooks.register(self._tenant, endpoint, types, name=name)
        return Done("/webhooks", f"{endpoint} is sent {count(len(types), 'type')} of event.")

    def delete(self, at: At, _: Form) -> Done:
        if not self._webhooks.delete(at["webhook_id"]):
            raise NotThere("There is no such webhook; it may have been deleted.")
        return Done("/webhooks", "The endpoint is sent no more events.")

    def send(self, _: At, form: Form) -> Done:
        event_type = form.one("type")
        if event_type not in EVENT_TYPES:
            raise Invalid("Choose one of the event types.")
        data = _data(self._tenant.store, event_type, form.one("user_id"))
        wanted = sum(event_type in each.event_types for each in self._webhooks.all)
        if not wanted:
            raise Invalid(f"No endpoint is sent {event_type}: add one first.")
        event = Event.at(self._tenant.clock(), event_type, data, source="admin")
        self._webhooks.send(self._tenant, event)
        return Done("/webhooks#deliveries", f"{event_type} goes to {count(wanted, 'endpoint')}.")

    def deliver(self, _: At, __: Form) -> Done:
        self._webhooks.deliver_now(self._tenant)
        return Done("/webhooks#deliveries", "What was pending was tried once.")


def _data(store: Store, event_type: str, user_id: str) -> Mapping[str, Any]:
    """Return what an event is about: the chosen person, or the first row of its kind."""
    kind, _, happened = event_type.partition(".")
    if kind == "user" and store.user(user_id) is None:
        raise Invalid("Choose one of the people.")
    rows = [(name, shown) for (of, name), shown in state_of(store).items() if of == kind]
    if kind == "user":
        rows = [(name, shown) for name, shown in rows if name == user_id]
    if not rows:
        return {}
    name, shown = rows[0]
    if happened == "deleted":
        return {kind: {"code" if kind == "organization" else "id": name}}
    return {kind: shown}
