"""Webhooks of local Kinde: registered, sent as Kinde sends them, and sent again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from kinde_guard import KindeGuard, MemoryRevocations, RevokedToken, WebhookEvent, kinde_webhook
from kinde_guard.client import ClientCredentials
from kinde_guard.local import LocalKinde
from kinde_guard.local.webhooks import EVENT_TYPES

PATH = "/webhooks/kinde"


class Receiver:
    """An endpoint on a real socket, which answers with a status on demand."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append((headers, body))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Keep the test's output clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


@pytest.fixture
def management(kinde: LocalKinde) -> Iterator[httpx.Client]:
    application = kinde.management
    assert application is not None
    credentials = ClientCredentials(
        kinde.issuer,
        client_id=application.client_id,
        client_secret=application.client_secret,
        audience=kinde.management_audience,
    )
    with httpx.Client(base_url=f"{kinde.issuer}/api/v1", auth=credentials) as client:
        yield client


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def event_of(kinde: LocalKinde, body: str | bytes, **headers: str) -> WebhookEvent:
    """Return what the guard's dependency makes of a body."""
    events: list[WebhookEvent] = []
    guard = KindeGuard(
        kinde.issuer, audience=kinde.audience, public_paths=[PATH], clock=kinde.clock
    )
    app = FastAPI()
    guard.install(app)

    @app.post(PATH)
    async def receive(event: WebhookEvent = Depends(kinde_webhook(guard))) -> None:  # noqa: B008
        events.append(event)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        headers = {"content-type": "application/jwt", **headers}
        answer = await client.post(PATH, content=body, headers=headers)
    await guard.aclose()
    assert answer.status_code == 200, answer.text
    return events[0]


def test_webhook_is_a_body_that_the_dependency_accepts(kinde: LocalKinde) -> None:
    body = kinde.webhook("user.deleted", data={"user": {"id": "kp_1"}})
    event = asyncio.run(event_of(kinde, body))
    assert event.type == "user.deleted"
    assert event.data == {"user": {"id": "kp_1"}}
    assert event.source == "admin"
    assert event.event_id.startswith("event_")
    assert abs(event.timestamp.timestamp() - kinde.clock()) < 5


def test_webhooks_are_registered_listed_changed_and_deleted(management: httpx.Client) -> None:
    body = {"endpoint": "https://api.acme.com/hook", "event_types": ["user.deleted"], "name": "A"}
    created = management.post("/webhooks", json=body)
    assert created.status_code == 200
    webhook_id = created.json()["webhook"]["id"]
    assert created.json()["webhook"]["endpoint"] == body["endpoint"]
    (listed,) = management.get("/webhooks").json()["webhooks"]
    assert (listed["id"], listed["name"], listed["description"]) == (webhook_id, "A", "")
    assert listed["event_types"] == ["user.deleted"]
    changed = management.patch(f"/webhooks/{webhook_id}", json={"event_types": ["role.created"]})
    assert changed.json()["webhook"] == {"id": webhook_id}
    (listed,) = management.get("/webhooks").json()["webhooks"]
    assert (listed["event_types"], listed["name"]) == (["role.created"], "A")
    assert management.delete(f"/webhooks/{webhook_id}").status_code == 200
    assert management.get("/webhooks").json()["webhooks"] == []
    assert management.delete(f"/webhooks/{webhook_id}").status_code == 404
    assert management.patch(f"/webhooks/{webhook_id}", json={"name": "B"}).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "ftp://x"},
        {"endpoint": "api.acme.com"},
        {"endpoint": "https://"},
        {"event_types": []},
        {"event_types": ["user.invented"]},
        {"event_types": "user.deleted"},
        {"name": ""},
        {"name": None},
    ],
)
def test_webhook_that_makes_no_sense_is_refused(
    management: httpx.Client, change: dict[str, Any]
) -> None:
    body = {"endpoint": "https://api.acme.com", "event_types": ["user.deleted"], "name": "A"}
    assert management.post("/webhooks", json=body | change).status_code == 400
    assert management.get("/webhooks").json()["webhooks"] == []


def test_types_of_events_are_listed(management: httpx.Client) -> None:
    listed = management.get("/event_types").json()["event_types"]
    assert [event_type["code"] for event_type in listed] == list(EVENT_TYPES)
    assert set(listed[0]) == {"id", "code", "name", "origin", "schema"}


def test_changes_through_the_management_api_are_sent_as_kinde_sends_them(
    kinde: LocalKinde, management: httpx.Client, receiver: Receiver
) -> None:
    kinde.send_webhooks_to(receiver.url)
    profile = {"given_name": "Zoe", "family_name": "New"}
    identity = {"type": "email", "details": {"email": "zoe@example.com"}}
    user = management.post("/user", json={"profile": profile, "identities": [identity]}).json()
    management.patch("/user", params={"id": user["id"]}, json={"is_suspended": True})
    management.delete("/user", params={"id": user["id"]})
    code = management.post("/organization", json={"name": "Acme"}).json()["organization"]["code"]
    management.patch(f"/organization/{code}", json={"name": "Acme Ltd"})
    management.delete(f"/organization/{code}")
    role = management.post("/roles", json={"name": "Boss", "key": "boss"}).json()["role"]["id"]
    management.delete(f"/roles/{role}")
    management.post("/permissions", json={"name": "P", "key": "p"})
    until(lambda: len(receiver.requests) == 9)

    async def events() -> list[WebhookEvent]:
        return [
            await event_of(kinde, body, **{"webhook-id": headers["webhook-id"]})
            for headers, body in receiver.requests
        ]

    received = asyncio.run(events())
    assert [event.type for event in received] == [
        "user.created",
        "user.updated",
        "user.deleted",
        "organization.created",
        "organization.updated",
        "organization.deleted",
        "role.created",
        "role.deleted",
        "permission.created",
    ]
    assert {headers["content-type"] for headers, _ in receiver.requests} == {"application/jwt"}
    assert len({event.webhook_id for event in received}) == 9
    assert {event.source for event in received} == {"api"}
    assert received[0].data["user"]["email"] == "zoe@example.com"
    assert received[1].data["user"]["is_suspended"] is True
    assert received[2].data == {"user": {"id": user["id"]}}
    assert received[5].data == {"organization": {"code": code}}
    shown = management.get(f"/events/{received[2].event_id}").json()["event"]
    assert shown["type"] == "user.deleted"
    assert shown["data"] == {"user": {"id": user["id"]}}
    assert management.get("/events/event_unknown").status_code == 404


def test_only_events_of_the_wanted_types_are_sent(
    kinde: LocalKinde, management: httpx.Client, receiver: Receiver
) -> None:
    kinde.send_webhooks_to(receiver.url, "organization.deleted")
    code = management.post("/organization", json={"name": "Acme"}).json()["organization"]["code"]
    management.delete(f"/organization/{code}")
    until(lambda: receiver.requests)
    (delivery,) = kinde.webhook_deliveries
    assert delivery.event.type == "organization.deleted"


def test_failed_delivery_is_tried_again_by_the_clock_with_the_same_id(
    kinde: LocalKinde, management: httpx.Client, receiver: Receiver
) -> None:
    kinde.clock.freeze()
    receiver.status = 503
    kinde.send_webhooks_to(receiver.url)
    management.post("/organization", json={"name": "Acme"})
    until(lambda: len(receiver.requests) == 1)
    for count, seconds in enumerate((5, 25, 90), start=2):
        kinde.clock.advance(seconds - 1)
        time.sleep(0.3)
        assert len(receiver.requests) == count - 1
        kinde.clock.advance(1)
        until(lambda count=count: len(receiver.requests) == count)  # type: ignore[misc]
    receiver.status = 200
    kinde.deliver_webhooks()
    kinde.deliver_webhooks()
    assert len(receiver.requests) == 5
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
    (delivery,) = kinde.webhook_deliveries
    assert delivery.statuses == [503, 503, 503, 503, 200]


def test_delivery_is_given_up_after_a_day_and_a_half(kinde: LocalKinde, receiver: Receiver) -> None:
    receiver.status = 500
    kinde.send_webhooks_to(receiver.url)
    kinde.store.add_organization("Acme", created_on=0)
    for _ in range(15):
        kinde.deliver_webhooks()
    assert len(receiver.requests) == 10


def test_endpoint_that_is_not_there_is_no_answer(kinde: LocalKinde) -> None:
    kinde.send_webhooks_to("http://127.0.0.1:9/hook")
    kinde.store.add_organization("Acme", created_on=0)
    kinde.deliver_webhooks()
    assert kinde.webhook_deliveries[0].statuses[0] == 0


def test_deleted_user_is_refused_once_the_webhook_has_arrived(
    kinde: LocalKinde, management: httpx.Client, receiver: Receiver
) -> None:
    kinde.send_webhooks_to(receiver.url, "user.deleted")
    profile = {"given_name": "Zoe", "family_name": "New"}
    user = management.post("/user", json={"profile": profile}).json()["id"]
    token = kinde.user_token(subject=user)
    revocations = MemoryRevocations(clock=kinde.clock)
    guard = KindeGuard(kinde.issuer, audience=kinde.audience, revocations=revocations)

    async def check() -> None:
        verified = await guard.verify(token)
        revocations.snapshot.check(verified.claims)
        await asyncio.to_thread(management.delete, "/user", params={"id": user})
        await asyncio.to_thread(until, lambda: receiver.requests)
        assert await revocations.apply(await event_of(kinde, receiver.requests[0][1]))
        with pytest.raises(RevokedToken):
            revocations.snapshot.check(verified.claims)
        await guard.aclose()

    asyncio.run(check())
