"""Several guards in one application: each decides with its own keys, audience, realm and counters.

Where one stands behind the other, both have to agree, because a guard refuses a token that is not
its own, on its public paths too.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from fastapi import Depends, FastAPI, Request, WebSocket
from starlette.applications import Starlette
from starlette.routing import Mount

from kinde_guard import (
    InsufficientScope,
    KeysUnavailable,
    KindeGuard,
    KindeGuardMiddleware,
    MissingToken,
    UnknownKey,
    WrongAudience,
    require_scopes,
)
from tests.core.exchange import call, check_refusal, connect, lifespan
from tests.mint import FrozenClock, KeyServer, SigningKey, Tenant

pytestmark = pytest.mark.anyio


@dataclass
class Side:
    """A tenant with its key server, and a guard that trusts it."""

    tenant: Tenant
    keys: KeyServer
    guard: KindeGuard


def side(name: str, key: SigningKey, clock: FrozenClock, *also: str, audience: str = "") -> Side:
    tenant = Tenant(key, clock, f"https://{name}.kinde.com", audience or f"https://{name}.example")
    keys = KeyServer(key, url=tenant.jwks_url)
    guard = KindeGuard(
        f"{name}.kinde.com",
        audience=[tenant.audience, *also],
        realm=name,
        clock=clock,
        http_client=keys.client(),
    )
    return Side(tenant, keys, guard)


@pytest.fixture
def left(key: SigningKey, clock: FrozenClock) -> Side:
    return side("left", key, clock)


@pytest.fixture
def right(other_key: SigningKey, clock: FrozenClock) -> Side:
    return side("right", other_key, clock)


def guarded(guard: KindeGuard | None, scope: str = "read:users") -> FastAPI:
    """Make an application with one route that tells whose token it got."""
    app = FastAPI(dependencies=[Depends(require_scopes(scope))])

    @app.get("/who")
    async def who(request: Request) -> str:
        return str(request.user.issuer)

    @app.websocket("/feed")
    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(str(websocket.user.issuer))
        await websocket.close()

    if guard is not None:
        guard.install(app)
    return app


async def test_mounts_side_by_side_decide_each_with_its_own_guard(left: Side, right: Side) -> None:
    root = Starlette(
        routes=[
            Mount("/left", guarded(left.guard)),
            Mount("/right", guarded(right.guard)),
        ]
    )
    for mine, other in ((left, right), (right, left)):
        path = f"/{mine.guard.settings.realm}"
        good, foreign = mine.tenant.token("read:users"), other.tenant.token("read:users")
        answer = await call(root, f"{path}/who", token=good)
        assert (answer.status, answer.json) == (200, mine.tenant.issuer)
        talk = await connect(root, f"{path}/feed", token=good)
        assert talk.texts == [mine.tenant.issuer]

        realm = mine.guard.settings.realm
        refused = await call(root, f"{path}/who", token=foreign)
        check_refusal(refused, UnknownKey, realm=realm)
        check_refusal(await call(root, f"{path}/who"), MissingToken, realm=realm)
        lacking = await call(root, f"{path}/who", token=mine.tenant.token("other"))
        check_refusal(lacking, InsufficientScope, realm=realm, required=["read:users"])

    for each in (left, right):
        assert each.keys.fetches == 1
        assert each.guard.stats.verified == 3
        assert each.guard.stats.rejected == {
            "unknown_key": 1,
            "missing_token": 1,
            "insufficient_scope": 1,
        }


async def test_outage_of_one_tenant_is_no_outage_of_the_other(left: Side, right: Side) -> None:
    root = Starlette(
        routes=[Mount("/left", guarded(left.guard)), Mount("/right", guarded(right.guard))]
    )
    left.keys.fail(500)
    refused = await call(root, "/left/who", token=left.tenant.token("read:users"))
    check_refusal(refused, KeysUnavailable, retry_after=1)
    answer = await call(root, "/right/who", token=right.tenant.token("read:users"))
    assert answer.status == 200
    assert right.guard.ready
    assert not left.guard.ready


async def test_mounted_guard_narrows_what_the_guard_before_it_lets_in(
    key: SigningKey, clock: FrozenClock
) -> None:
    outer = side("left", key, clock, "https://admin.example")
    inner = side("left", key, clock, audience="https://admin.example")
    app = guarded(outer.guard)
    app.mount("/admin", guarded(inner.guard, "delete:users"))
    plain = outer.tenant.token("read:users", "delete:users")
    admin = inner.tenant.token("read:users", "delete:users")

    assert (await call(app, "/who", token=plain)).status == 200
    assert (await call(app, "/who", token=admin)).status == 200
    assert (await call(app, "/admin/who", token=admin)).status == 200
    # Verified by the first guard, cached by it, and refused by the second all the same.
    for _ in range(2):
        refused = await call(app, "/admin/who", token=plain)
        check_refusal(refused, WrongAudience, realm="left")
    lacking = await call(app, "/admin/who", token=inner.tenant.token("read:users"))
    check_refusal(lacking, InsufficientScope, realm="left", required=["delete:users"])
    assert outer.guard.stats.rejected == {}
    assert inner.guard.stats.rejected == {"wrong_audience": 2, "insufficient_scope": 1}
    assert inner.guard.stats.verified == 2


async def test_mount_below_a_public_path_is_guarded_by_its_own_guard(
    left: Side, key: SigningKey, clock: FrozenClock
) -> None:
    open_guard = KindeGuard(
        "left.kinde.com",
        audience=left.tenant.audience,
        public_paths=["/partner/*"],
        realm="outside",
        clock=clock,
        http_client=left.keys.client(),
    )
    app = guarded(open_guard)
    app.mount("/partner", guarded(left.guard))
    check_refusal(await call(app, "/partner/who"), MissingToken, realm="left")
    assert (await call(app, "/partner/who", token=left.tenant.token("read:users"))).status == 200


async def test_token_of_another_tenant_does_not_pass_a_guard_on_its_public_path(
    left: Side, right: Side, clock: FrozenClock
) -> None:
    open_guard = KindeGuard(
        "left.kinde.com",
        audience=left.tenant.audience,
        public_paths=["/partner/*"],
        clock=clock,
        http_client=left.keys.client(),
    )
    app = guarded(open_guard)
    app.mount("/partner", guarded(right.guard))
    refused = await call(app, "/partner/who", token=right.tenant.token("read:users"))
    check_refusal(refused, UnknownKey)
    assert right.guard.stats.verified == 0


async def test_two_middlewares_on_one_application_have_both_to_agree(
    key: SigningKey, clock: FrozenClock
) -> None:
    first = side("left", key, clock, "https://both.example")
    second = side("left", key, clock, audience="https://both.example")
    app = guarded(None)
    app.add_middleware(KindeGuardMiddleware, guard=second.guard)
    app.add_middleware(KindeGuardMiddleware, guard=first.guard)

    assert (await call(app, "/who", token=second.tenant.token("read:users"))).status == 200
    refused = await call(app, "/who", token=first.tenant.token("read:users"))
    check_refusal(refused, WrongAudience, realm="left")
    lacking = await call(app, "/who", token=second.tenant.token("other"))
    check_refusal(lacking, InsufficientScope, realm="left", required=["read:users"])
    # The inner one is the one that the route asks, and counts.
    assert first.guard.stats.rejected == {}
    assert second.guard.stats.rejected == {"wrong_audience": 1, "insufficient_scope": 1}


async def test_every_guard_in_the_way_of_the_lifespan_is_warmed_and_closed(
    left: Side, right: Side
) -> None:
    app = guarded(None)
    app.add_middleware(KindeGuardMiddleware, guard=left.guard)
    app.add_middleware(KindeGuardMiddleware, guard=right.guard)
    async with lifespan(app) as told:
        assert told.started
        assert (left.keys.fetches, right.keys.fetches) == (1, 1)
    assert told.stopped


async def test_mounted_guard_is_not_in_the_way_of_the_lifespan_and_fetches_when_asked(
    left: Side, right: Side
) -> None:
    # Starlette hands the lifespan to no mounted application.
    app = guarded(left.guard)
    root = Starlette(routes=[Mount("/right", guarded(right.guard)), Mount("/", app)])
    async with lifespan(root) as told:
        assert told.started
        assert (left.keys.fetches, right.keys.fetches) == (0, 0)
        answer = await call(root, "/right/who", token=right.tenant.token("read:users"))
        assert answer.status == 200
    assert (left.keys.fetches, right.keys.fetches) == (0, 1)


async def test_one_guard_on_two_applications_serves_both(left: Side) -> None:
    apps = [guarded(left.guard), guarded(left.guard, "delete:users")]
    token = left.tenant.token("read:users")
    assert [(await call(app, "/who", token=token)).status for app in apps] == [200, 403]
    assert left.keys.fetches == 1
    assert left.guard.stats.cache_hits == 1
