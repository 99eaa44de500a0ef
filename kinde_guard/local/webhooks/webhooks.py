"""The webhooks of a tenant: endpoints that were registered, and the events that they are sent.

Kept in memory: webhooks belong to the process that sends, not to the file of a tenant.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from threading import RLock
from typing import TYPE_CHECKING, Final, Protocol

from kinde_guard.local.webhooks.changes import State, changes, state_of
from kinde_guard.local.webhooks.deliveries import Deliveries, Delivery
from kinde_guard.local.webhooks.event import Event, Source

if TYPE_CHECKING:
    from kinde_guard.local.clock import Clock
    from kinde_guard.local.signing import KeyRing
    from kinde_guard.local.store import Store

MAX_EVENTS: Final = 1_000
"""Events that can be asked for by their id."""


@dataclass(frozen=True)
class Webhook:
    """An endpoint that is sent events of some types."""

    id: str
    name: str
    endpoint: str
    description: str
    event_types: tuple[str, ...]
    created_on: float
    """Seconds since the epoch."""


class SendingTenant(Protocol):
    """What sending an event needs of a tenant."""

    @property
    def store(self) -> Store:
        """What changes."""

    @property
    def clock(self) -> Clock:
        """The time of events and retries."""

    @property
    def keys(self) -> KeyRing:
        """Signs the bodies."""


class Webhooks:
    """The webhooks, events and deliveries of one tenant. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._webhooks: dict[str, Webhook] = {}
        self._events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._deliveries = Deliveries()
        self._known: State | None = None

    @property
    def all(self) -> list[Webhook]:
        """Every webhook, oldest first."""
        with self._lock:
            return list(self._webhooks.values())

    @property
    def deliveries(self) -> list[Delivery]:
        """Every delivery so far, oldest first, with what each try was answered."""
        return self._deliveries.all

    def event(self, event_id: str) -> Event | None:
        """Return an event that was sent."""
        with self._lock:
            return next((event for event in self._events if event.id == event_id), None)

    def register(
        self,
        tenant: SendingTenant,
        endpoint: str,
        event_types: Iterable[str],
        *,
        name: str = "Webhook",
        description: str = "",
    ) -> Webhook:
        """Have events of some types sent to an endpoint from now on."""
        webhook = Webhook(
            f"wh_{uuid.uuid4().hex}",
            name,
            endpoint,
            description,
            tuple(event_types),
            tenant.clock(),
        )
        with self._lock:
            if self._known is None:
                # Nothing was compared while there was no endpoint to tell.
                self._known = state_of(tenant.store)
            self._webhooks[webhook.id] = webhook
        return webhook

    def update(
        self,
        webhook_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        event_types: Iterable[str] | None = None,
    ) -> Webhook | None:
        """Change what is not None; the webhook that results, or None if there is none."""
        with self._lock:
            webhook = self._webhooks.get(webhook_id)
            if webhook is None:
                return None
            webhook = replace(
                webhook,
                name=webhook.name if name is None else name,
                description=webhook.description if description is None else description,
                event_types=webhook.event_types if event_types is None else tuple(event_types),
            )
            self._webhooks[webhook_id] = webhook
            return webhook

    def delete(self, webhook_id: str) -> bool:
        """Send no more events; tell whether there was such a webhook."""
        with self._lock:
            deleted = self._webhooks.pop(webhook_id, None)
            if not self._webhooks:
                self._known = None
            return deleted is not None

    def observe(self, tenant: SendingTenant, source: Source) -> None:
        """Send the events of what has changed since this was last called."""
        with self._lock:
            before = self._known
            if before is None:
                return
            self._known = after = state_of(tenant.store)
        for event_type, data in changes(before, after):
            self.send(tenant, Event.at(tenant.clock(), event_type, data, source=source))

    def send(self, tenant: SendingTenant, event: Event) -> None:
        """Send an event to every endpoint that wants its type."""
        with self._lock:
            self._events.append(event)
            wanted = [each for each in self._webhooks.values() if event.type in each.event_types]
        for webhook in wanted:
            delivery = Delivery(event, webhook.endpoint, tenant.clock())
            self._deliveries.add(delivery, _signer(tenant), tenant.clock)

    def deliver_now(self, tenant: SendingTenant) -> None:
        """Try everything that is pending once, due or not, and return when that is done."""
        self.observe(tenant, "admin")
        self._deliveries.deliver_now(_signer(tenant))

    def close(self) -> None:
        """Send nothing any more."""
        self._deliveries.close()


def _signer(tenant: SendingTenant) -> Callable[[dict[str, object]], str]:
    def sign(payload: dict[str, object]) -> str:
        # Looked up anew: the keys may have been rotated since.
        return tenant.keys.sign(payload)

    return sign
