"""Webhooks: what is an event of the tenant, and what each of the others is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from kinde_guard import ConfigurationError, KindeGuard, WebhookEvent, kinde_webhook
from kinde_guard.webhooks import MAX_BYTES, WebhookDependency
from tests.core.conftest import MakeGuard
from tests.mint import NOW, OMIT, FrozenClock, KeyServer, SigningKey, Tenant, compact

pytestmark = pytest.mark.anyio

PATH = "/webhooks/kinde"
HEADERS = {"content-type": "application/jwt", "webhook-id": "wh_1"}
USER = {"user": {"id": "kp_ada", "organizations": [{"code": "org_acme", "roles": None}]}}

received: list[WebhookEvent] = []


def at(seconds: float) -> str:
    return datetime.fromtimestamp(NOW + seconds, UTC).isoformat()


def signed(
    tenant: Tenant, *, header: Any = None, key: SigningKey | None = None, **members: Any
) -> str:
    event = {
        "type": "user.deleted",
        "event_id": "event_1",
        "source": "admin",
        "timestamp": at(0),
        "data": USER,
        **members,
    }
    return compact(tenant.header(**(header or {})), event, key or tenant.key)


@pytest.fixture
def guard(make_guard: MakeGuard) -> KindeGuard:
    return make_guard(public_paths=[PATH])


@pytest.fixture
def app(guard: KindeGuard) -> FastAPI:
    app = FastAPI()
    guard.install(app)
    received.clear()

    @app.post(PATH)
    async def kinde_event(event: WebhookEvent = Depends(kinde_webhook(guard))) -> None:  # noqa: B008
        received.append(event)

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        yield client


async def post(client: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    return await client.post(PATH, content=body, headers={**HEADERS, **headers})


def assert_unauthorized(response: httpx.Response, reason: str, description: str) -> None:
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == (
        f'Bearer realm="api", error="invalid_token", error_description="{description}"'
    )
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": description,
        "error": "invalid_token",
        "reason": reason,
    }
    assert received == []


def assert_invalid(response: httpx.Response) -> None:
    description = "The body is not a webhook event of this tenant, or not a recent one."
    assert_unauthorized(response, "invalid_webhook", description)


async def test_event_of_the_tenant_arrives_whole_and_read_only(
    client: httpx.AsyncClient, tenant: Tenant, key_server: KeyServer
) -> None:
    response = await post(client, signed(tenant))
    assert (response.status_code, response.json()) == (200, None)
    (event,) = received
    assert event.type == "user.deleted"
    assert event.event_id == "event_1"
    assert event.webhook_id == "wh_1"
    assert event.source == "admin"
    assert event.timestamp == datetime.fromtimestamp(NOW, UTC)
    assert event.data["user"]["organizations"][0]["code"] == "org_acme"
    places: list[Any] = [event.data, event.data["user"], event.data["user"]["organizations"][0]]
    for place in places:
        with pytest.raises(TypeError):
            place["id"] = "kp_eve"
    assert isinstance(event.data["user"]["organizations"], tuple)
    with pytest.raises(AttributeError):
        event.type = "user.created"  # type: ignore[misc]
    assert key_server.fetches == 1


@pytest.mark.parametrize(
    "timestamp",
    ["2026-01-01T10:00:00.000000+10:00", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.1+00:00"],
)
async def test_timestamp_may_be_written_as_kinde_writes_it(
    client: httpx.AsyncClient, tenant: Tenant, clock: FrozenClock, timestamp: str
) -> None:
    clock.now = datetime(2026, 1, 1, tzinfo=UTC).timestamp() + 60
    response = await post(client, signed(tenant, timestamp=timestamp))
    assert response.status_code == 200
    assert received[0].timestamp.utcoffset() is not None


@pytest.mark.parametrize(
    "members",
    [
        {"type": "an.event.of.next.year"},
        {"source": OMIT},
        {"event_timestamp": at(0)},
        {"ip_address": "203.0.113.7"},
        {"data": {}},
    ],
)
async def test_what_kinde_may_add_or_leave_out_is_accepted(
    client: httpx.AsyncClient, tenant: Tenant, members: dict[str, Any]
) -> None:
    assert (await post(client, signed(tenant, **members))).status_code == 200


@pytest.mark.parametrize("given", ["application/jwt", "Application/JWT; charset=utf-8"])
async def test_content_type_may_have_parameters_and_any_case(
    client: httpx.AsyncClient, tenant: Tenant, given: str
) -> None:
    assert (await post(client, signed(tenant), **{"content-type": given})).status_code == 200


async def test_header_webhook_id_may_be_missing(client: httpx.AsyncClient, tenant: Tenant) -> None:
    response = await client.post(
        PATH, content=signed(tenant), headers={"content-type": "application/jwt"}
    )
    assert response.status_code == 200
    assert received[0].webhook_id is None


@pytest.mark.parametrize("name", ["exp", "iss", "scp", "scope", "azp"])
@pytest.mark.parametrize("value", [None, "", 0, []])
async def test_claim_of_a_token_is_refused_whatever_else_is_there(
    client: httpx.AsyncClient, tenant: Tenant, name: str, value: Any
) -> None:
    assert_invalid(await post(client, signed(tenant, **{name: value})))


async def test_tokens_of_the_same_tenant_are_refused(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    event: dict[str, Any] = {"type": "user.deleted", "event_id": "e", "data": USER}
    event["timestamp"] = at(0)
    for token in (
        tenant.token("read:users"),
        tenant.user_token("openid"),
        tenant.id_token(),
        tenant.token(**event),
        tenant.id_token(**event),
    ):
        assert_invalid(await post(client, token))


@pytest.mark.parametrize("name", ["type", "event_id", "timestamp", "data"])
@pytest.mark.parametrize("value", [OMIT, None, "", 7, True, [], ["x"]])
async def test_member_that_is_absent_or_of_another_type_is_refused(
    client: httpx.AsyncClient, tenant: Tenant, name: str, value: Any
) -> None:
    assert_invalid(await post(client, signed(tenant, **{name: value})))


@pytest.mark.parametrize(
    "members",
    [
        {"source": 7},
        {"source": None},
        {"timestamp": "yesterday"},
        {"timestamp": "2026-01-01T00:00:00"},
        {"timestamp": "2026-01-01"},
        {"timestamp": "0001-01-01T00:00:00+10:00"},
        {"timestamp": "9999-12-31T23:59:59-10:00"},
        {"timestamp": "1" * 5000},
        {"type": {"user": "deleted"}},
    ],
)
async def test_other_malformed_members_are_refused(
    client: httpx.AsyncClient, tenant: Tenant, members: dict[str, Any]
) -> None:
    assert_invalid(await post(client, signed(tenant, **members)))


@pytest.mark.parametrize(
    ("seconds", "accepted"),
    [(-172_800, True), (-172_801, False), (5, True), (6, False), (86_400, False)],
)
async def test_age_of_an_event_is_limited(
    client: httpx.AsyncClient, tenant: Tenant, seconds: float, accepted: bool
) -> None:
    response = await post(client, signed(tenant, timestamp=at(seconds)))
    if accepted:
        assert response.status_code == 200
    else:
        assert_invalid(response)


async def test_limit_of_the_age_can_be_set(
    guard: KindeGuard, tenant: Tenant, clock: FrozenClock
) -> None:
    app = FastAPI()
    app.post(PATH, dependencies=[Depends(kinde_webhook(guard, max_age=60))])(lambda: None)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        assert (await post(client, signed(tenant))).status_code == 200
        clock.advance(61)
        assert (await post(client, signed(tenant))).status_code == 401


@pytest.mark.parametrize("max_age", [0, -1, True, "48h", float("nan")])
def test_impossible_limit_is_refused(guard: KindeGuard, max_age: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_age"):
        kinde_webhook(guard, max_age=max_age)


async def test_forged_event_is_refused(
    client: httpx.AsyncClient, tenant: Tenant, other_key: SigningKey
) -> None:
    forged = signed(tenant, key=other_key)
    description = "The access token's signature is wrong."
    assert_unauthorized(await post(client, forged), "invalid_signature", description)


async def test_event_signed_with_a_key_of_another_tenant_is_refused(
    client: httpx.AsyncClient, tenant: Tenant, other_key: SigningKey
) -> None:
    foreign = signed(tenant, key=other_key, header={"kid": other_key.kid})
    description = "The access token is signed with an unknown key."
    assert_unauthorized(await post(client, foreign), "unknown_key", description)


async def test_further_issuer_of_the_guard_cannot_send_events(
    make_guard: MakeGuard, tenant: Tenant, key_server: KeyServer, other_key: SigningKey
) -> None:
    other = "https://other.kinde.com"
    key_server.publish(other_key, url=f"{other}/.well-known/jwks")
    guard = make_guard(issuers=[other], public_paths=[PATH])
    app = FastAPI()
    app.post(PATH, dependencies=[Depends(kinde_webhook(guard))])(lambda: None)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        foreign = signed(tenant, key=other_key, header={"kid": other_key.kid})
        response = await post(client, foreign)
    # No guard stands before this application: it answers as for any HTTPException.
    assert response.status_code == 401
    assert 'realm="api", error="invalid_token"' in response.headers["www-authenticate"]
    assert guard.stats.rejected == {"unknown_key": 1}


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "RS512"}])
async def test_algorithm_that_the_guard_does_not_accept_is_refused(
    client: httpx.AsyncClient, tenant: Tenant, header: dict[str, str]
) -> None:
    body = signed(tenant, header=header)
    description = "The access token is signed with an algorithm that is not accepted."
    assert_unauthorized(await post(client, body), "unsupported_algorithm", description)


@pytest.mark.parametrize("kind", ["at+jwt", "application/at+jwt", "JWS", 7])
async def test_type_of_something_else_is_refused(
    client: httpx.AsyncClient, tenant: Tenant, kind: Any
) -> None:
    assert_invalid(await post(client, signed(tenant, header={"typ": kind})))


@pytest.mark.parametrize("body", [b"", b"{}", b"a.b", b"a.b.c", b"..", b"\xff\x00", b'{"type": 1}'])
async def test_body_that_is_no_jwt_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    description = "The access token is malformed."
    assert_unauthorized(await post(client, body), "malformed_token", description)


@pytest.mark.parametrize("payload", ["[]", "null", "7", "", '{"type": 1, "type": 1}', "[" * 50_000])
async def test_payload_that_is_no_object_is_refused(
    client: httpx.AsyncClient, tenant: Tenant, payload: str
) -> None:
    assert_invalid(await post(client, compact(tenant.header(), payload, tenant.key)))


@pytest.mark.parametrize("surround", [b"%s\n", b" %s", b'"%s"'])
async def test_anything_around_the_jwt_is_refused(
    client: httpx.AsyncClient, tenant: Tenant, surround: bytes
) -> None:
    response = await post(client, surround % signed(tenant).encode())
    assert response.json()["reason"] == "malformed_token"


@pytest.mark.parametrize(
    "given", ["application/json", "text/plain", "", "application/jwt2", "application/jose"]
)
async def test_other_content_type_is_answered_with_415(
    client: httpx.AsyncClient, tenant: Tenant, given: str
) -> None:
    response = await post(client, signed(tenant), **{"content-type": given})
    assert response.status_code == 415
    assert "www-authenticate" not in response.headers
    assert response.json()["reason"] == "unsupported_webhook_type"
    assert response.headers["cache-control"] == "no-store"
    assert received == []


async def test_missing_content_type_is_answered_with_415(
    client: httpx.AsyncClient, tenant: Tenant, guard: KindeGuard
) -> None:
    response = await client.post(PATH, content=signed(tenant).encode())
    assert response.status_code == 415
    assert guard.stats.rejected == {"unsupported_webhook_type": 1}


@pytest.mark.parametrize("declared", [True, False])
async def test_body_over_256_kib_is_answered_with_413(
    client: httpx.AsyncClient, tenant: Tenant, declared: bool
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * (MAX_BYTES + 1)

    response = await post(client, b"x" * (MAX_BYTES + 1) if declared else chunks())
    assert response.status_code == 413
    assert "www-authenticate" not in response.headers
    assert response.json()["reason"] == "webhook_too_large"


async def test_large_event_is_accepted(client: httpx.AsyncClient, tenant: Tenant) -> None:
    body = signed(tenant, data={"text": "x" * 180_000})
    assert MAX_BYTES - 30_000 < len(body) <= MAX_BYTES
    assert (await post(client, body)).status_code == 200


async def test_body_without_end_is_read_no_further_than_the_limit(app: FastAPI) -> None:
    given, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal given
        given += 65_536
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/jwt")],
    }
    await asyncio.wait_for(app(scope, receive, send), 10)
    assert sent[0]["status"] == 413
    assert given <= MAX_BYTES + 2 * 65_536


async def test_without_keys_kinde_is_told_to_come_back(
    client: httpx.AsyncClient, tenant: Tenant, key_server: KeyServer
) -> None:
    key_server.fail(500)
    response = await post(client, signed(tenant))
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert "www-authenticate" not in response.headers
    assert response.json()["reason"] == "keys_unavailable"
    assert received == []


async def test_refusals_are_counted(
    client: httpx.AsyncClient, tenant: Tenant, guard: KindeGuard
) -> None:
    await post(client, signed(tenant))
    await post(client, signed(tenant, exp=1))
    await post(client, tenant.token())
    assert guard.stats.rejected == {"invalid_webhook": 2}


async def test_repeated_event_keeps_its_ids(client: httpx.AsyncClient, tenant: Tenant) -> None:
    body = signed(tenant)
    await post(client, body)
    await post(client, body)
    first, second = received
    assert first == second


async def test_own_error_format_answers_refusals(
    app: FastAPI, client: httpx.AsyncClient, tenant: Tenant
) -> None:
    assert (await post(client, signed(tenant), authorization="Basic eDp5")).status_code == 200


def test_event_without_depends_is_refused_where_it_is_written() -> None:
    from fastapi.exceptions import FastAPIError  # noqa: PLC0415

    async def forgot(event: WebhookEvent) -> None: ...

    async def forged(event: Annotated[WebhookEvent, Depends(WebhookEvent)]) -> None: ...

    for endpoint in (forgot, forged):
        with pytest.raises(FastAPIError):
            FastAPI().post(PATH)(endpoint)


def test_dependency_takes_nothing_from_the_request_but_the_connection(app: FastAPI) -> None:
    operation = app.openapi()["paths"][PATH]["post"]
    assert "parameters" not in operation


def test_dependency_tells_what_it_reads(guard: KindeGuard) -> None:
    dependency = kinde_webhook(guard)
    assert isinstance(dependency, WebhookDependency)
    assert dependency.guard is guard
    assert list(dependency.request_body["content"]) == ["application/jwt"]
    assert set(dependency.responses) == {"401", "413", "415", "503"}


def test_ages_are_those_of_the_contract() -> None:
    assert timedelta(hours=48).total_seconds() == 172_800
    assert MAX_BYTES == 256 * 1024


def test_repr_names_the_guard(guard: KindeGuard) -> None:
    assert repr(kinde_webhook(guard)) == f"<WebhookDependency of {guard!r}>"
