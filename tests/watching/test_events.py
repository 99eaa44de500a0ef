"""Events: what happened, on which route, with which credential, and to which observers."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI

from kinde_guard import GuardEvent, require_scopes
from kinde_guard.vocabulary.events import CredentialIds, Recorder
from tests.core.conftest import MakeApp, MakeGuard
from tests.core.exchange import call, connect
from tests.mint import CLIENT_ID, ISSUER, NOW, FrozenClock, SigningKey, Tenant

pytestmark = pytest.mark.anyio

TOKEN_ID = "0d5c2a1e-7f6b-4a39-9a52-6e0d0e0f1a2b"


async def test_request_without_a_token_has_a_method_and_no_path(
    make_app: MakeApp, make_guard: MakeGuard
) -> None:
    events: list[GuardEvent] = []
    await call(make_app(make_guard(on_event=events.append)), "/users", method="DELETE")
    assert events == [
        GuardEvent("rejected", reason="missing_token", status=401, method="DELETE", path=None)
    ]


async def test_websocket_without_a_token_has_the_method_ws(
    make_app: MakeApp, make_guard: MakeGuard
) -> None:
    events: list[GuardEvent] = []
    await connect(make_app(make_guard(on_event=events.append)), "/feed")
    assert events == [GuardEvent("rejected", reason="missing_token", status=401, method="WS")]


async def test_token_that_lacks_a_scope_is_named_with_the_template_of_the_route(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    events: list[GuardEvent] = []
    inner, router = FastAPI(), APIRouter(prefix="/teams/{team}")
    router.add_api_route("/users", lambda: None, dependencies=[Depends(require_scopes("a"))])
    inner.include_router(router, prefix="/v1")
    app = FastAPI()
    app.mount("/api", inner)
    make_guard(on_event=events.append).install(app)
    await call(app, "/api/v1/teams/7/users", token=tenant.token("b", org_code="org_1"))
    assert [event for event in events if event.name == "rejected"] == [
        GuardEvent(
            "rejected",
            reason="insufficient_scope",
            status=403,
            method="GET",
            path="/api/v1/teams/{team}/users",
            client_id=CLIENT_ID,
            token_id=TOKEN_ID,
            org_code="org_1",
        )
    ]


async def test_expired_token_is_named_and_a_forged_one_is_not(
    make_app: MakeApp, make_guard: MakeGuard, tenant: Tenant, other_key: SigningKey
) -> None:
    events: list[GuardEvent] = []
    app = make_app(make_guard(on_event=events.append))
    forged = other_key.renamed(tenant.key.kid)
    for key in (tenant.key, forged):
        await call(app, "/users", token=tenant.token(exp=NOW - 60, key=key))
    assert [event for event in events if event.name == "rejected"] == [
        GuardEvent(
            "rejected",
            reason="expired_token",
            status=401,
            method="GET",
            client_id=CLIENT_ID,
            token_id=TOKEN_ID,
        ),
        GuardEvent("rejected", reason="invalid_signature", status=401, method="GET"),
    ]


async def test_verified_event_has_neither_path_nor_status(
    make_app: MakeApp, make_guard: MakeGuard, tenant: Tenant
) -> None:
    events: list[GuardEvent] = []
    app = make_app(make_guard(on_event=events.append))
    await call(app, "/plain", token=tenant.token())
    assert events == [GuardEvent("keys_fetched", issuer=ISSUER), GuardEvent("verified")]


@pytest.mark.parametrize(
    ("claims", "ids"),
    [
        ({}, CredentialIds()),
        ({"azp": "a", "jti": "b", "org_code": "c"}, CredentialIds("a", "b", "c")),
        ({"azp": ["a"], "jti": 7, "org_code": None}, CredentialIds()),
        ({"x-hasura-org-code": "c"}, CredentialIds(org_code="c")),
    ],
)
def test_ids_are_those_claims_that_are_text(claims: dict[str, Any], ids: CredentialIds) -> None:
    assert CredentialIds.of(claims) == ids


def test_every_observer_hears_every_event_in_the_order_of_their_adding() -> None:
    heard: list[tuple[str, str]] = []
    recorder = Recorder(lambda event: heard.append(("first", event.name)))
    recorder.add_observer(lambda event: heard.append(("second", event.name)))
    recorder.verified(cached=True)
    recorder.keys_fetched(ISSUER, succeeded=False)
    assert heard == [
        ("first", "verified"),
        ("second", "verified"),
        ("first", "keys_failed"),
        ("second", "keys_failed"),
    ]


def test_observer_that_raises_stops_no_other_and_is_logged_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("it broke")

    monotonic, events = FrozenClock(0), list[GuardEvent]()
    recorder = Recorder(broken, monotonic=monotonic)
    recorder.add_observer(events.append)
    recorder.add_request_observer(broken)
    recorder.add_duration_observer(broken)
    for _ in range(100):
        recorder.rejected("missing_token", 401)
        recorder.request_ended("missing_token")
        assert recorder.on_duration is not None
        recorder.on_duration(0.1)
    assert len(events) == 100
    assert [(record.name, record.levelno) for record in caplog.records] == [
        ("kinde_guard", logging.ERROR)
    ]
    assert recorder.snapshot().rejected == {"missing_token": 100}
    monotonic.advance(60)
    recorder.verified(cached=False)
    assert len(caplog.records) == 2


def test_new_recorder_wants_no_durations() -> None:
    assert Recorder().on_duration is None


def test_durations_and_ends_reach_every_observer() -> None:
    seconds: list[float] = []
    ends: list[str | None] = []
    recorder = Recorder()
    recorder.add_duration_observer(seconds.append)
    recorder.add_duration_observer(seconds.append)
    assert recorder.on_duration is not None
    recorder.on_duration(0.5)
    recorder.add_request_observer(ends.append)
    recorder.request_ended(None)
    recorder.request_ended("expired_token")
    assert (seconds, ends) == ([0.5, 0.5], [None, "expired_token"])
