"""The types of events that Kinde documents.

Source: Kinde, "About webhooks".
"""

from __future__ import annotations

from typing import Final

EVENT_TYPES: Final = (
    "user.created",
    "user.updated",
    "user.deleted",
    "user.authenticated",
    "user.authentication_failed",
    "organization.created",
    "organization.updated",
    "organization.deleted",
    "role.created",
    "role.updated",
    "role.deleted",
    "permission.created",
    "permission.updated",
    "permission.deleted",
    "subscriber.created",
    "access_request.created",
    "passkey.added",
    "passkey.removed",
    "customer.agreement_created",
    "customer.agreement_cancelled",
    "customer.invoice_overdue",
    "customer.meter_usage_updated",
    "customer.payment_failed",
    "customer.payment_succeeded",
    "customer.plan_assigned",
    "customer.plan_changed",
    "customer.plan_created",
)
