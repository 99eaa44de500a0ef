"""Deliveries of events, tried again on Kinde's schedule until the endpoint answers 200.

Tries are due by the tenant's clock, so a test that advances the clock meets the retries of a day.

Source: Kinde, "About webhooks": retries after 5 s, 30 s, 2 min, 10 min, 1 h, 4 h, then every 12 h
until 36 h have passed.
"""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Final

import httpx

from kinde_guard.local.webhooks.event import Event

logger = logging.getLogger("kinde_guard.local")

HOUR: Final = 3_600
SCHEDULE: Final = (0, 5, 30, 120, 600, HOUR, 4 * HOUR, 16 * HOUR, 28 * HOUR, 36 * HOUR)
"""Seconds after an event at which a try is due."""

TIMEOUT: Final = 10.0
"""Seconds for one try."""

MAX_DELIVERIES: Final = 10_000
"""Deliveries that are remembered."""

LOOK_AGAIN: Final = 0.1
"""Seconds after which the tenant's clock is looked at again: it may have been moved."""


@dataclass
class Delivery:
    """An event on its way to one endpoint.

    Attributes:
        event: what is sent.
        endpoint: where to.
        webhook_id: the header of every try, the same on each.
        created_at: by the tenant's clock, in seconds.
        statuses: what each try was answered; 0 where there was no answer.
    """

    event: Event
    endpoint: str
    created_at: float
    webhook_id: str = field(default_factory=lambda: f"webhook_{uuid.uuid4().hex}")
    statuses: list[int] = field(default_factory=list)

    @property
    def is_pending(self) -> bool:
        """Whether it will be tried again."""
        return 200 not in self.statuses and len(self.statuses) < len(SCHEDULE)

    @property
    def due_at(self) -> float:
        """When the next try is due, by the tenant's clock."""
        return self.created_at + SCHEDULE[len(self.statuses)]


class Deliveries:
    """Sends events in a thread of its own, which lives as long as something is pending."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._sending = Condition()
        self._deliveries: deque[Delivery] = deque(maxlen=MAX_DELIVERIES)
        self._thread: Thread | None = None
        self._closed = False

    @property
    def all(self) -> list[Delivery]:
        """Every delivery so far, oldest first."""
        with self._changed:
            return list(self._deliveries)

    def add(
        self,
        delivery: Delivery,
        sign: Callable[[dict[str, object]], str],
        clock: Callable[[], float],
    ) -> None:
        """Send an event as soon as it is due.

        Args:
            delivery: what is sent where.
            sign: makes a JWT; asked at every try, since keys may have been rotated.
            clock: the tenant's.
        """
        with self._changed:
            self._deliveries.append(delivery)
            self._closed = False
            if self._thread is None:
                self._thread = Thread(
                    target=self._run, args=(sign, clock), name="local kinde webhooks", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def deliver_now(self, sign: Callable[[dict[str, object]], str]) -> None:
        """Try everything that is pending once, due or not, and return when that is done."""
        for delivery in self.all:
            self._try(delivery, sign, None)

    def close(self) -> None:
        """Give up what is pending."""
        with self._changed:
            self._closed = True
            self._deliveries.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(TIMEOUT)

    def _run(self, sign: Callable[[dict[str, object]], str], clock: Callable[[], float]) -> None:
        while True:
            with self._changed:
                pending = [each for each in self._deliveries if each.is_pending]
                if self._closed or not pending:
                    self._thread = None
                    return
                due = [each for each in pending if each.due_at <= clock()]
                if not due:
                    self._changed.wait(LOOK_AGAIN)
            for delivery in due:
                self._try(delivery, sign, clock)

    def _try(
        self,
        delivery: Delivery,
        sign: Callable[[dict[str, object]], str],
        clock: Callable[[], float] | None,
    ) -> None:
        # One at a time: deliver_now and the thread must not both send the same.
        with self._sending:
            if self._closed or not delivery.is_pending:
                return
            if clock is not None and delivery.due_at > clock():
                return
            status = _send(delivery, sign(delivery.event.payload))
            delivery.statuses.append(status)


def _send(delivery: Delivery, body: str) -> int:
    headers = {"Content-Type": "application/jwt", "webhook-id": delivery.webhook_id}
    try:
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            answer = client.post(delivery.endpoint, content=body, headers=headers)
    except (httpx.HTTPError, OSError) as error:
        name = type(error).__name__
        logger.warning("webhook %s to %s failed (%s)", delivery.event.type, delivery.endpoint, name)
        return 0
    return answer.status_code
