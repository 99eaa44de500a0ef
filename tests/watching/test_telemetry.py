"""OpenTelemetry: instruments and span attributes, as the SDK's in-memory exporters have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from kinde_guard import GuardError, KindeGuard, require_scopes, require_token
from kinde_guard.telemetry import instrument
from tests.core.conftest import MakeApp, MakeGuard, add_routes
from tests.core.exchange import call, connect
from tests.mint import NOW, FrozenClock, KeyServer, Tenant

pytestmark = pytest.mark.anyio

VERIFIED = {"kinde_guard.outcome": "verified"}


def rejected(reason: str) -> dict[str, str]:
    return {
        "kinde_guard.outcome": "rejected",
        "kinde_guard.reason": reason,
        "error.type": reason,
    }


class Meters:
    """The metrics of one provider, read when they are asked for."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], shutdown_on_exit=False)

    def read(self) -> dict[str, tuple[str, dict[tuple[str, ...], Any]]]:
        """Return each instrument's unit and its points by the values of their attributes."""
        data = self._reader.get_metrics_data()
        if data is None:
            return {}
        metrics = [
            metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            if scope.scope.name == "kinde_guard"
            for metric in scope.metrics
        ]
        return {metric.name: (metric.unit or "", points(metric.data)) for metric in metrics}

    def requests(self) -> dict[tuple[str, ...], Any]:
        return self.read().get("kinde_guard.requests", ("", {}))[1]


def points(data: Any) -> dict[tuple[str, ...], Any]:
    return {
        tuple(str(value) for value in (point.attributes or {}).values()): getattr(
            point, "value", getattr(point, "count", None)
        )
        for point in data.data_points
    }


@pytest.fixture
def meters() -> Iterator[Meters]:
    meters = Meters()
    yield meters
    meters.provider.shutdown()


class Spans:
    """The spans of one provider, as they were exported."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def server(self) -> ReadableSpan:
        """Return the only span of a request that a server has handled."""
        (span,) = [span for span in self.all() if span.kind is SpanKind.SERVER]
        return span

    def all(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()


@pytest.fixture
def spans() -> Spans:
    return Spans()


def ours(span: ReadableSpan) -> dict[str, Any]:
    names = ("kinde_guard.outcome", "kinde_guard.reason", "error.type")
    return {name: value for name, value in (span.attributes or {}).items() if name in names}


@pytest.fixture
def measured(make_guard: MakeGuard, meters: Meters) -> KindeGuard:
    guard = make_guard(public_paths=("/open",))
    instrument(guard, meter_provider=meters.provider)
    return guard


async def test_each_request_counts_once_by_how_it_ended(
    measured: KindeGuard, make_app: MakeApp, tenant: Tenant, meters: Meters
) -> None:
    app = make_app(measured)
    assert meters.requests() == {}
    for _ in range(2):
        await call(app, "/users", token=tenant.token("read:users"))
    await call(app, "/users", token=tenant.token())
    await call(app, "/users", token=tenant.token(exp=NOW - 60))
    await call(app, "/users")
    await connect(app, "/feed")
    await connect(app, "/feed", token=tenant.token("read:users"))
    assert meters.requests() == {
        ("verified",): 3,
        ("rejected", "insufficient_scope"): 1,
        ("rejected", "expired_token"): 1,
        ("rejected", "missing_token"): 2,
    }
    assert meters.read()["kinde_guard.requests"][0] == "{request}"


async def test_public_request_counts_if_a_credential_came_or_was_asked_for(
    measured: KindeGuard, make_app: MakeApp, tenant: Tenant, meters: Meters
) -> None:
    app = make_app(measured)
    await call(app, "/open")
    assert meters.requests() == {}
    await call(app, "/open", token=tenant.token())
    await call(app, "/open", token="nonsense")
    assert meters.requests() == {("verified",): 1, ("rejected", "malformed_token"): 1}


async def test_token_that_was_required_on_a_public_path_counts_as_rejected(
    measured: KindeGuard, meters: Meters
) -> None:
    app = FastAPI()
    app.get("/open", dependencies=[Depends(require_token())])(lambda: None)
    measured.install(app)
    assert (await call(app, "/open")).status == 401
    assert meters.requests() == {("rejected", "missing_token"): 1}


async def test_request_whose_handler_fails_counts_as_verified(
    measured: KindeGuard, tenant: Tenant, meters: Meters
) -> None:
    app = FastAPI()

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the handler failed")

    measured.install(app)
    with pytest.raises(RuntimeError):
        await call(app, "/broken", token=tenant.token())
    assert meters.requests() == {("verified",): 1}


async def test_verification_outside_of_http_counts_too(
    measured: KindeGuard, tenant: Tenant, meters: Meters
) -> None:
    await measured.verify(tenant.token())
    with pytest.raises(GuardError):
        await measured.verify("nonsense")
    assert meters.requests() == {("verified",): 1, ("rejected", "malformed_token"): 1}


async def test_key_fetches_count_by_result_and_the_age_is_observed(
    measured: KindeGuard,
    tenant: Tenant,
    key_server: KeyServer,
    monotonic: FrozenClock,
    meters: Meters,
) -> None:
    key_server.fail(500)
    with pytest.raises(GuardError):
        await measured.verify(tenant.token())
    read = meters.read()
    assert read["kinde_guard.key_fetches"] == ("{fetch}", {("failure",): 1})
    assert "kinde_guard.key_age" not in read
    key_server.recover()
    monotonic.advance(60)
    await measured.verify(tenant.token())
    monotonic.advance(42)
    read = meters.read()
    assert read["kinde_guard.key_fetches"][1] == {("failure",): 1, ("success",): 1}
    assert read["kinde_guard.key_age"] == ("s", {(): 42.0})


async def test_duration_is_measured_of_tokens_that_were_not_seen_before(
    measured: KindeGuard, tenant: Tenant, meters: Meters
) -> None:
    for raw in (tenant.token("a"), tenant.token("b"), tenant.token("a"), tenant.token("a")):
        await measured.verify(raw)
    with pytest.raises(GuardError):
        await measured.verify(tenant.token(exp=NOW - 60))
    assert meters.read()["kinde_guard.verify.duration"] == ("s", {(): 3})


async def test_guards_of_one_process_are_counted_together(
    make_guard: MakeGuard, tenant: Tenant, meters: Meters
) -> None:
    for guard in (make_guard(), make_guard()):
        instrument(guard, meter_provider=meters.provider)
        await guard.verify(tenant.token())
    assert meters.requests() == {("verified",): 2}


async def test_without_a_provider_nothing_happens(guard: KindeGuard, tenant: Tenant) -> None:
    instrument(guard)
    await guard.verify(tenant.token())
    assert guard.stats.verified == 1


async def test_span_that_is_current_gets_the_outcome(
    measured: KindeGuard, tenant: Tenant, spans: Spans
) -> None:
    tracer = spans.provider.get_tracer("test")
    for raw in (tenant.token(), "nonsense"):
        with tracer.start_as_current_span("job"):
            try:
                await measured.verify(raw)
            except GuardError:
                continue
    assert [ours(span) for span in spans.all()] == [VERIFIED, rejected("malformed_token")]
    assert {span.status.status_code for span in spans.all()} == {StatusCode.UNSET}


NATIVE = "telemetry" in FastAPI.__init__.__annotations__


def natively_traced(guard: KindeGuard, spans: Spans) -> FastAPI:
    if not NATIVE:
        pytest.skip("this FastAPI has no telemetry of its own")
    settings: Any = {"telemetry": {"tracer_provider": spans.provider}}
    app = add_routes(FastAPI(**settings))
    guard.install(app)
    return app


def instrumented(guard: KindeGuard, spans: Spans) -> FastAPI:
    app = add_routes(FastAPI())
    guard.install(app)
    FastAPIInstrumentor.instrument_app(
        app, tracer_provider=spans.provider, meter_provider=Meters().provider
    )
    return app


@pytest.mark.parametrize("trace", [natively_traced, instrumented])
@pytest.mark.parametrize(
    ("path", "scopes", "changes", "attributes"),
    [
        ("/users", ("read:users",), {}, VERIFIED),
        ("/users", (), {}, rejected("insufficient_scope")),
        ("/users", (), {"exp": NOW - 60}, rejected("expired_token")),
        ("/users", None, {}, rejected("missing_token")),
        ("/open", None, {}, {}),
    ],
)
async def test_server_span_of_fastapi_tells_the_outcome(
    trace: Any,
    path: str,
    scopes: tuple[str, ...] | None,
    changes: dict[str, Any],
    attributes: dict[str, str],
    measured: KindeGuard,
    tenant: Tenant,
    spans: Spans,
) -> None:
    app = trace(measured, spans)
    token = None if scopes is None else tenant.token(*scopes, **changes)
    await call(app, path, token=token)
    assert ours(spans.server()) == attributes
    assert not [span for span in spans.all() if span.name.startswith("kinde")]
    others = [span for span in spans.all() if span.kind is not SpanKind.SERVER]
    assert not [span for span in others if ours(span).get("kinde_guard.outcome")]


@pytest.mark.parametrize("trace", [natively_traced, instrumented])
@pytest.mark.parametrize(
    ("scopes", "attributes"),
    [("read:users", VERIFIED), ("other", rejected("insufficient_scope"))],
)
async def test_server_span_of_a_websocket_tells_the_outcome(
    trace: Any,
    scopes: str,
    attributes: dict[str, str],
    measured: KindeGuard,
    tenant: Tenant,
    spans: Spans,
) -> None:
    await connect(trace(measured, spans), "/feed", token=tenant.token(scopes))
    assert ours(spans.server()) == attributes


@pytest.mark.parametrize("trace", [natively_traced, instrumented])
async def test_request_that_is_rejected_before_its_body_tells_so_on_its_span(
    trace: Any, measured: KindeGuard, tenant: Tenant, meters: Meters, spans: Spans
) -> None:
    app = trace(measured, spans)
    headers = {"content-length": "9"}
    answer = await call(
        app, "/users", method="POST", token=tenant.token(), headers=headers, body=b"no object"
    )
    assert answer.status == 403
    assert ours(spans.server()) == rejected("insufficient_scope")
    assert meters.requests() == {("rejected", "insufficient_scope"): 1}


@pytest.mark.parametrize("trace", [natively_traced, instrumented])
async def test_outage_keeps_its_reason_on_the_server_span(
    trace: Any, measured: KindeGuard, tenant: Tenant, key_server: KeyServer, spans: Spans
) -> None:
    key_server.fail(500)
    app = trace(measured, spans)
    await call(app, "/users", token=tenant.token())
    attributes = ours(spans.server())
    assert attributes["kinde_guard.outcome"] == "rejected"
    assert attributes["kinde_guard.reason"] == "keys_unavailable"
    assert attributes["error.type"] in {"keys_unavailable", "503"}


async def test_requests_one_after_another_do_not_share_a_span(
    measured: KindeGuard, tenant: Tenant, spans: Spans
) -> None:
    app = instrumented(measured, spans)
    await call(app, "/users", token=tenant.token("read:users"))
    await call(app, "/users", token=tenant.token())
    found = [ours(span) for span in spans.all() if span.kind is SpanKind.SERVER]
    assert found == [VERIFIED, rejected("insufficient_scope")]


async def test_route_can_still_be_read_off_the_reports(make_guard: MakeGuard) -> None:
    """A dependency of its own signature is not changed by being measured."""
    guard = make_guard()
    instrument(guard)
    app = FastAPI()
    app.get("/users", dependencies=[Depends(require_scopes("a"))])(lambda: None)
    guard.install(app)
    assert "parameters" not in app.openapi()["paths"]["/users"]["get"]
