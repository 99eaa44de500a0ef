"""Webhooks of a local tenant: its events, where they are sent, and when again."""

from kinde_guard.local.webhooks.deliveries import Delivery
from kinde_guard.local.webhooks.event import Event, Source
from kinde_guard.local.webhooks.event_types import EVENT_TYPES
from kinde_guard.local.webhooks.webhooks import Webhook, Webhooks

__all__ = ["EVENT_TYPES", "Delivery", "Event", "Source", "Webhook", "Webhooks"]
