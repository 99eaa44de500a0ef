"""A guard's counters for Prometheus, read when Prometheus asks: a request costs nothing more.

=========================================  =======  ==============================================
metric                                     labels   what
=========================================  =======  ==============================================
``kinde_guard_verified_total``                      credentials that were accepted
``kinde_guard_cache_hits_total``                    of them, those that were verified before
``kinde_guard_rejected_total``             reason   requests that were rejected
``kinde_guard_key_fetches_total``                   fetches of a key set, failed ones included
``kinde_guard_key_fetch_failures_total``            of them, those that failed
``kinde_guard_key_age_seconds``                     age of the oldest key set in hand
``kinde_guard_revocations_age_seconds``             seconds since revocations were last read
=========================================  =======  ==============================================

Every reason is shown from the start, with 0. The two ages are absent while there is nothing that
could have an age. Needs the extra ``prometheus``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kinde_guard.vocabulary.errors import GuardError

if TYPE_CHECKING:
    from kinde_guard.engine import GuardEngine
    from kinde_guard.vocabulary.events import GuardStats

_COUNTERS = {
    "verified": "Credentials that were accepted, those verified before included.",
    "cache_hits": "Accepted credentials whose signature did not have to be checked again.",
    "key_fetches": "Fetches of a key set, failed ones included.",
    "key_fetch_failures": "Fetches of a key set that failed.",
}
_AGES = {
    "key_age": "Seconds since the oldest key set in hand was fetched.",
    "revocations_age": "Seconds since the revocations were last read.",
}


class GuardCollector(Collector):
    """Reads a guard's ``stats`` at each scrape.

    The counters are those of this process. Where several workers serve, each one needs an address
    of its own to be scraped at: the multiprocess mode of ``prometheus_client`` takes no collectors.

    Args:
        guard: whose counters are collected. A registry takes one guard.

    Source: Prometheus, "Writing exporters"; prometheus_client, "Custom collectors".

    Example:
        >>> from kinde_guard import KindeGuard
        >>> from prometheus_client import CollectorRegistry, generate_latest
        >>> registry = CollectorRegistry()
        >>> guard = KindeGuard("acme.kinde.com", audience="https://api.acme.com")
        >>> registry.register(GuardCollector(guard))
        >>> b"kinde_guard_verified_total 0.0" in generate_latest(registry)
        True
    """

    def __init__(self, guard: GuardEngine) -> None:
        self._guard = guard

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they are now."""
        stats = self._guard.stats
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"kinde_guard_{name}", text, value=getattr(stats, name))
        yield _rejections(stats)
        for name, text in _AGES.items():
            gauge = GaugeMetricFamily(f"kinde_guard_{name}_seconds", text)
            age = getattr(stats, name)
            if age is not None:
                gauge.add_metric([], age)
            yield gauge


def _rejections(stats: GuardStats) -> Metric:
    text = "Requests that were rejected, by reason."
    family = CounterMetricFamily("kinde_guard_rejected", text, labels=["reason"])
    # A series that began with its first rejection would hide that one from rate() and increase().
    counts = {**dict.fromkeys(_reasons(GuardError), 0), **stats.rejected}
    for reason, count in sorted(counts.items()):
        family.add_metric([reason], count)
    return family


def _reasons(error: type[GuardError]) -> Iterator[str]:
    """Yield the reasons of the classes that have no subclass of their own."""
    subclasses = error.__subclasses__()
    if not subclasses:
        yield error.reason
    for subclass in subclasses:
        yield from _reasons(subclass)
