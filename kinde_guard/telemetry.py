"""A guard's metrics and span attributes for OpenTelemetry.

===============================  ==========  =====================  ==============================
instrument                       kind        attributes             what
===============================  ==========  =====================  ==============================
``kinde_guard.requests``         counter     ``outcome``,           requests, each counted when it
                                             ``reason``             ends, by how it ended
``kinde_guard.key_fetches``      counter     ``result``             fetches of a key set: `success`
                                                                    or `failure`
``kinde_guard.key_age``          gauge, s                           age of the oldest key set
``kinde_guard.verify.duration``  histogram,                         verifying a token that was not
                                 s                                  seen before
===============================  ==========  =====================  ==============================

``outcome`` is ``verified`` or ``rejected``; only a rejection has a ``reason``. Requests that
neither needed nor had a credential are not counted.

No span is started. The span that is current while a request is decided, the server's own, gets
``kinde_guard.outcome`` and, for a rejection, ``kinde_guard.reason`` and ``error.type``, which both
hold the reason. (What makes the server's span may overwrite ``error.type`` of a 503.)

Needs the extra ``otel``: the API of OpenTelemetry alone, so an application without an SDK pays for
calls that do nothing.

Source: OpenTelemetry, "Semantic conventions": "Recording errors", "Naming".
"""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation

if TYPE_CHECKING:
    from kinde_guard.engine import GuardEngine
    from kinde_guard.vocabulary.events import GuardEvent

OUTCOME, REASON = "kinde_guard.outcome", "kinde_guard.reason"
ERROR_TYPE = "error.type"

# Seconds: a verification costs some 50 microseconds, and waits up to seconds for a key fetch.
_DURATION_BUCKETS = (
    0.00002,
    0.00005,
    0.0001,
    0.0002,
    0.0005,
    0.001,
    0.005,
    0.01,
    0.05,
    0.1,
    0.5,
    1.0,
    5.0,
)

_FORBIDDEN = 403

_request_span: ContextVar[trace.Span] = ContextVar("kinde_guard.request_span")
"""The span that was current when the credential of this request was accepted.

A dependency may reject the request later, inside of a span that FastAPI makes for dependencies.
"""


def instrument(guard: GuardEngine, *, meter_provider: MeterProvider | None = None) -> None:
    """Measure a guard with OpenTelemetry, from now on.

    Call it once for each guard, where the guard is made.

    Args:
        guard: the guard to measure.
        meter_provider: makes the instruments; the global provider by default, which may be set
            afterwards.

    Source: OpenTelemetry, "Library guidelines".

    Example:
        >>> from kinde_guard import KindeGuard
        >>> guard = KindeGuard("acme.kinde.com", audience="https://api.acme.com")
        >>> instrument(guard)
    """
    provider = meter_provider or metrics.get_meter_provider()
    meter = provider.get_meter("kinde_guard")
    _count_requests(guard, meter)
    _count_key_fetches(guard, meter)
    _observe_key_age(guard, meter)
    _measure_durations(guard, meter)
    guard.recorder.add_observer(_annotate_span)


def _count_requests(guard: GuardEngine, meter: Meter) -> None:
    counter = meter.create_counter(
        "kinde_guard.requests", "{request}", "Requests by how they ended."
    )

    def count(reason: str | None) -> None:
        counter.add(1, _verdict(reason))

    guard.recorder.add_request_observer(count)


def _verdict(reason: str | None) -> dict[str, str]:
    return {"outcome": "verified"} if reason is None else {"outcome": "rejected", "reason": reason}


def _count_key_fetches(guard: GuardEngine, meter: Meter) -> None:
    counter = meter.create_counter("kinde_guard.key_fetches", "{fetch}", "Fetches of a key set.")
    results = {"keys_fetched": "success", "keys_failed": "failure"}

    def count(event: GuardEvent) -> None:
        result = results.get(event.name)
        if result is not None:
            counter.add(1, {"result": result})

    guard.recorder.add_observer(count)


def _observe_key_age(guard: GuardEngine, meter: Meter) -> None:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        age = guard.stats.key_age
        return [] if age is None else [Observation(age)]

    meter.create_observable_gauge(
        "kinde_guard.key_age", [observe], "s", "Age of the oldest key set in hand."
    )


def _measure_durations(guard: GuardEngine, meter: Meter) -> None:
    histogram = meter.create_histogram(
        "kinde_guard.verify.duration",
        "s",
        "Verifying a token that was not seen before, waits for keys included.",
        explicit_bucket_boundaries_advisory=_DURATION_BUCKETS,
    )
    guard.recorder.add_duration_observer(histogram.record)


def _annotate_span(event: GuardEvent) -> None:
    if event.name == "verified":
        span = trace.get_current_span()
        _request_span.set(span)
        span.set_attribute(OUTCOME, "verified")
    elif event.name == "rejected":
        span = _span_of_rejection(event)
        span.set_attributes({OUTCOME: "rejected", REASON: event.reason, ERROR_TYPE: event.reason})


def _span_of_rejection(event: GuardEvent) -> trace.Span:
    # Only what rejects an accepted credential comes after ``verified``, and its status is 403.
    if event.status == _FORBIDDEN:
        span = _request_span.get(trace.INVALID_SPAN)
        if span.is_recording():
            return span
    return trace.get_current_span()
