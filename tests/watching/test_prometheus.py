"""Prometheus: what a scrape of a real endpoint reads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from kinde_guard import GuardError, KindeGuard
from kinde_guard.prometheus import GuardCollector
from kinde_guard.vocabulary.events import GuardStats
from tests.mint import NOW, FrozenClock, KeyServer, Tenant

pytestmark = pytest.mark.anyio

TYPES = {
    "kinde_guard_verified": "counter",
    "kinde_guard_cache_hits": "counter",
    "kinde_guard_key_fetches": "counter",
    "kinde_guard_key_fetch_failures": "counter",
    "kinde_guard_rejected": "counter",
    "kinde_guard_key_age_seconds": "gauge",
    "kinde_guard_revocations_age_seconds": "gauge",
}


class Endpoint:
    """A metrics endpoint on a port of its own."""

    def __init__(self, guard: KindeGuard) -> None:
        registry = CollectorRegistry(auto_describe=True)
        registry.register(GuardCollector(guard))
        self._server, self._thread = start_http_server(0, "127.0.0.1", registry)
        self.types: dict[str, str] = {}

    def scrape(self) -> dict[str, float]:
        """Return the samples, by name and labels as the text has them."""
        address = f"http://127.0.0.1:{self._server.server_port}/metrics"
        response = httpx.get(address, trust_env=False)
        assert response.status_code == 200
        families = list(text_string_to_metric_families(response.text))
        self.types = {family.name: family.type for family in families}
        return {
            sample.name + "".join(f"{{{key}={value}}}" for key, value in sample.labels.items()): (
                sample.value
            )
            for family in families
            for sample in family.samples
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def endpoint(guard: KindeGuard) -> Iterator[Endpoint]:
    endpoint = Endpoint(guard)
    yield endpoint
    endpoint.close()


async def test_new_guard_shows_counters_of_zero_and_no_ages(endpoint: Endpoint) -> None:
    samples = endpoint.scrape()
    reasons = {name for name in samples if name.startswith("kinde_guard_rejected_total")}
    assert len(reasons) > 15
    assert "kinde_guard_rejected_total{reason=keys_unavailable}" in reasons
    assert {name: value for name, value in samples.items() if name not in reasons} == {
        "kinde_guard_verified_total": 0,
        "kinde_guard_cache_hits_total": 0,
        "kinde_guard_key_fetches_total": 0,
        "kinde_guard_key_fetch_failures_total": 0,
    }
    assert {samples[name] for name in reasons} == {0}
    assert endpoint.types == TYPES


async def test_scrape_shows_what_the_guard_has_counted(
    endpoint: Endpoint,
    guard: KindeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
) -> None:
    key_server.fail(500)
    with pytest.raises(GuardError):
        await guard.verify(tenant.token())
    key_server.recover()
    monotonic.advance(60)
    for _ in range(3):
        await guard.verify(tenant.token())
    for raw in ("nonsense", "nonsense", tenant.token(exp=NOW - 60)):
        with pytest.raises(GuardError):
            await guard.verify(raw)
    monotonic.advance(7)
    samples = {name: value for name, value in endpoint.scrape().items() if value}
    assert samples == {
        "kinde_guard_verified_total": 3,
        "kinde_guard_cache_hits_total": 2,
        "kinde_guard_rejected_total{reason=expired_token}": 1,
        "kinde_guard_rejected_total{reason=keys_unavailable}": 1,
        "kinde_guard_rejected_total{reason=malformed_token}": 2,
        "kinde_guard_key_fetches_total": 2,
        "kinde_guard_key_fetch_failures_total": 1,
        "kinde_guard_key_age_seconds": 7,
    }
    assert endpoint.types == TYPES


async def test_age_of_the_revocations_is_shown_where_there_are_any(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KindeGuard, "stats", GuardStats(revocations_age=1.5))
    assert endpoint.scrape()["kinde_guard_revocations_age_seconds"] == 1.5


async def test_scrapes_disturb_no_verification(
    endpoint: Endpoint, guard: KindeGuard, tenant: Tenant
) -> None:
    scrapes: list[dict[str, float]] = []
    scraping = threading.Thread(target=lambda: scrapes.extend(endpoint.scrape() for _ in range(20)))
    scraping.start()
    for number in range(300):
        with pytest.raises(GuardError):
            await guard.verify(tenant.token(aud=f"api-{number}"))
    scraping.join()
    assert len(scrapes) == 20
    assert endpoint.scrape()["kinde_guard_rejected_total{reason=wrong_audience}"] == 300
