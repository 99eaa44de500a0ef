"""Webhooks, the types of events, and events, in the Management API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from kinde_guard.local.management.envelope import Absent, Refused, Success
from kinde_guard.local.management.operations import Operations
from kinde_guard.local.management.texts import MAX_ITEMS, Body, Line, Title, date_time
from kinde_guard.local.webhooks import EVENT_TYPES, Webhook

if TYPE_CHECKING:
    from kinde_guard.local.tenant import Tenant

Endpoint = Annotated[
    str,
    StringConstraints(
        max_length=2048, pattern=r"^https?://[^\s\x00-\x1f\x7f/?#]+[^\s\x00-\x1f\x7f#]*$"
    ),
]
EventTypes = Annotated[list[Title], Field(min_length=1, max_length=MAX_ITEMS)]


class NewWebhook(Body):
    """A webhook to register. Kinde wants https; local Kinde sends over plain http as well."""

    endpoint: Endpoint
    event_types: EventTypes
    name: Title
    description: Line | None = None


class WebhookUpdate(Body):
    """What is to change; the endpoint cannot."""

    event_types: EventTypes | None = None
    name: Title | None = None
    description: Line | None = None


class WebhookDetails(BaseModel):
    """A webhook in a list."""

    id: str
    name: str
    endpoint: str
    description: str
    event_types: list[str]
    created_on: datetime


class WebhookList(Success):
    """Every webhook."""

    webhooks: list[WebhookDetails]


class CreatedWebhook(BaseModel):
    """The id of a new webhook, and where it sends to."""

    id: str
    endpoint: str


class WebhookCreated(Success):
    """A webhook was registered."""

    webhook: CreatedWebhook


class WebhookId(BaseModel):
    """Which webhook."""

    id: str


class WebhookUpdated(Success):
    """A webhook was changed."""

    webhook: WebhookId


class EventType(BaseModel):
    """A type of event."""

    id: str
    code: str
    name: str
    origin: Literal["admin", "user"] = "admin"
    # "schema" is a name that pydantic's models have themselves.
    shape: dict[str, Any] = Field(default_factory=dict, serialization_alias="schema")


class EventTypeList(Success):
    """Every type of event."""

    event_types: list[EventType]


class EventDetails(BaseModel):
    """An event."""

    type: str
    source: str
    event_id: str
    timestamp: str
    data: dict[str, Any]


class EventAnswer(Success):
    """One event."""

    event: EventDetails


def webhook_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of webhooks."""
    operations, webhooks = Operations("Webhooks"), tenant.webhooks

    @operations.operation("GetWebHooks")
    def list_webhooks() -> WebhookList:
        return WebhookList(webhooks=[_details(webhook) for webhook in webhooks.all])

    @operations.operation("CreateWebHook")
    def create_webhook(body: NewWebhook) -> WebhookCreated:
        _check_types(body.event_types)
        made = webhooks.register(
            tenant,
            body.endpoint,
            body.event_types,
            name=body.name,
            description=body.description or "",
        )
        return WebhookCreated(webhook=CreatedWebhook(id=made.id, endpoint=made.endpoint))

    @operations.operation("UpdateWebHook")
    def update_webhook(webhook_id: str, body: WebhookUpdate) -> WebhookUpdated:
        _check_types(body.event_types or [])
        if webhooks.update(webhook_id, **body.model_dump()) is None:
            raise Absent
        return WebhookUpdated(webhook=WebhookId(id=webhook_id))

    @operations.operation("DeleteWebHook")
    def delete_webhook(webhook_id: str) -> Success:
        if not webhooks.delete(webhook_id):
            raise Absent
        return Success()

    return operations


def event_operations(tenant: Tenant) -> Operations:
    """Return the endpoints of events and of their types."""
    operations, webhooks = Operations("Events"), tenant.webhooks

    @operations.operation("GetEventTypes")
    def list_event_types() -> EventTypeList:
        return EventTypeList(event_types=[_event_type(code) for code in EVENT_TYPES])

    @operations.operation("GetEvent")
    def show_event(event_id: str) -> EventAnswer:
        event = webhooks.event(event_id)
        if event is None:
            raise Absent
        return EventAnswer(event=EventDetails(**event.payload))

    return operations


def _check_types(event_types: list[str]) -> None:
    if not set(event_types) <= set(EVENT_TYPES):
        message = "There is no event of one of these types; GET /api/v1/event_types lists them"
        raise Refused("EVENT_TYPE_INVALID", message)


def _details(webhook: Webhook) -> WebhookDetails:
    return WebhookDetails(
        id=webhook.id,
        name=webhook.name,
        endpoint=webhook.endpoint,
        description=webhook.description,
        event_types=list(webhook.event_types),
        created_on=date_time(webhook.created_on),
    )


def _event_type(code: str) -> EventType:
    subject, _, happened = code.partition(".")
    name = f"{subject} {happened}".replace("_", " ").capitalize()
    return EventType(id=f"event_type_{code.replace('.', '_')}", code=code, name=name)
