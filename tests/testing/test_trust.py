"""``trust``: for one block a guard believes local Kinde, and then its own tenant again."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from kinde_guard import (
    ConfigurationError,
    ExpiredToken,
    KeysUnavailable,
    KindeGuard,
    KindeGuardMiddleware,
    UnknownKey,
    WrongAudience,
    require_scopes,
)
from kinde_guard.local import LocalKinde
from kinde_guard.testing import trust
from tests.mint import FrozenClock

pytestmark = pytest.mark.anyio

AUDIENCE = "https://api.acme.com"


@pytest.fixture(scope="module")
def shared_kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


@pytest.fixture
def kinde(shared_kinde: LocalKinde) -> Iterator[LocalKinde]:
    yield shared_kinde
    shared_kinde.clock.reset()


class Tenant:
    """The tenant that the guard was made for; it counts who asks for its keys."""

    def __init__(self) -> None:
        self.requests = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url == "https://acme.kinde.com/.well-known/jwks"
        self.requests += 1
        return httpx.Response(503)


@pytest.fixture
def tenant() -> Tenant:
    return Tenant()


@pytest.fixture
async def guard(tenant: Tenant) -> KindeGuard:
    client = httpx.AsyncClient(transport=httpx.MockTransport(tenant))
    return KindeGuard("acme.kinde.com", audience=AUDIENCE, http_client=client)


async def test_guard_trusts_local_kinde_inside_the_block_only(
    guard: KindeGuard, tenant: Tenant, kinde: LocalKinde
) -> None:
    raw = kinde.token(["read:users"])
    with trust(guard, kinde):
        assert guard.issuer == kinde.issuer
        assert (await guard.verify(raw)).scopes == {"read:users"}
        assert tenant.requests == 0
    assert guard.issuer == "https://acme.kinde.com"
    with pytest.raises(KeysUnavailable):
        await guard.verify(raw)
    assert tenant.requests == 1


async def test_block_that_fails_ends_the_trust_too(guard: KindeGuard, kinde: LocalKinde) -> None:
    before = dict(vars(guard))
    with pytest.raises(ZeroDivisionError), trust(guard, kinde):
        raise ZeroDivisionError
    assert vars(guard) == before


async def test_nothing_learned_in_the_block_outlives_it(
    guard: KindeGuard, kinde: LocalKinde
) -> None:
    raw = kinde.token()
    with trust(guard, kinde):
        await guard.verify(raw)
        assert (guard.stats.verified, guard.ready) == (1, True)
    assert (guard.stats.verified, guard.ready) == (0, False)
    with LocalKinde() as another, trust(guard, another), pytest.raises(UnknownKey):
        await guard.verify(raw)


@pytest.mark.parametrize("order", ["app", "guard", "middleware"])
async def test_app_guard_and_middleware_all_lead_to_the_guard(
    guard: KindeGuard, kinde: LocalKinde, order: str
) -> None:
    app = FastAPI()
    guard.install(app)
    app.add_api_route("/users", lambda: "ada", dependencies=[Depends(require_scopes("read:users"))])
    by_hand = KindeGuardMiddleware(FastAPI(), guard=guard)
    given = {"app": app, "guard": guard, "middleware": by_hand}[order]
    with trust(given, kinde):  # type: ignore[arg-type]
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            good = await client.get("/users", headers=kinde.authorization(["read:users"]))
            poor = await client.get("/users", headers=kinde.authorization(["read:roles"]))
            none = await client.get("/users")
    assert [answer.status_code for answer in (good, poor, none)] == [200, 403, 401]


async def test_app_without_a_guard_is_refused(kinde: LocalKinde) -> None:
    complaint = "FastAPI was given, in which no guard was installed"
    with pytest.raises(ConfigurationError, match=complaint), trust(FastAPI(), kinde):
        pass


async def test_own_audience_is_taken_besides_that_of_local_kinde_and_no_other(
    guard: KindeGuard, kinde: LocalKinde
) -> None:
    with trust(guard, kinde):
        for audience in (AUDIENCE, kinde.audience):
            await guard.verify(kinde.token(audience=audience))
        with pytest.raises(WrongAudience):
            await guard.verify(kinde.token(audience="https://other.acme.com"))


async def test_guard_that_takes_any_audience_goes_on_taking_any(kinde: LocalKinde) -> None:
    guard = KindeGuard("acme.kinde.com", audience=None)
    with trust(guard, kinde):
        await guard.verify(kinde.token(audience="https://other.acme.com"))


async def test_further_issuers_are_not_trusted_in_the_block(kinde: LocalKinde) -> None:
    guard = KindeGuard("acme.kinde.com", audience=AUDIENCE, issuers=["https://id.acme.com"])
    with trust(guard, kinde):
        assert guard.settings.issuers == (kinde.issuer,)


async def test_all_other_settings_stay(kinde: LocalKinde) -> None:
    chosen = {"leeway": 0, "realm": "acme", "scope_claims": ("scp",), "public_paths": ("/health",)}
    guard = KindeGuard("acme.kinde.com", audience=AUDIENCE, **chosen)  # type: ignore[arg-type]
    with trust(guard, kinde):
        assert {name: getattr(guard.settings, name) for name in chosen} == chosen


async def test_rotated_key_is_found_at_once(guard: KindeGuard, kinde: LocalKinde) -> None:
    with trust(guard, kinde):
        old = kinde.token()
        await guard.verify(old)
        kinde.rotate_keys()
        await guard.verify(kinde.token())
        with pytest.raises(UnknownKey):
            await guard.verify(old)


async def test_time_is_that_of_local_kinde(guard: KindeGuard, kinde: LocalKinde) -> None:
    with trust(guard, kinde):
        raw = kinde.token(expires_in=3600)
        await guard.verify(raw)
        kinde.clock.advance(3600 + 6)
        with pytest.raises(ExpiredToken):
            await guard.verify(raw)
        await guard.verify(kinde.token())


async def test_guard_with_a_clock_of_its_own_keeps_it(
    kinde: LocalKinde, clock: FrozenClock
) -> None:
    guard = KindeGuard("acme.kinde.com", audience=AUDIENCE, clock=clock)
    with trust(guard, kinde):
        assert guard.settings.clock is clock


async def test_blocks_nest(guard: KindeGuard, kinde: LocalKinde) -> None:
    with LocalKinde() as another, trust(guard, kinde):
        with trust(guard, another):
            assert guard.issuer == another.issuer
        assert guard.issuer == kinde.issuer
    assert guard.issuer == "https://acme.kinde.com"


# Applications, called before or not, of every shape

App = Callable[..., Awaitable[None]]


class Subclass(KindeGuardMiddleware):
    """A middleware of the user's own."""


class Wrapper:
    """A middleware that calls what it wraps by another name."""

    def __init__(self, inner: ASGIApp) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.inner(scope, receive, send)


def users(**options: Any) -> FastAPI:
    app = FastAPI(**options)
    app.add_api_route("/users", lambda: "ada", dependencies=[Depends(require_scopes("read:users"))])
    return app


def installed(guard: KindeGuard) -> FastAPI:
    app = users()
    guard.install(app)
    return app


def by_hand(guard: KindeGuard, cls: type[KindeGuardMiddleware] = KindeGuardMiddleware) -> FastAPI:
    app = users()
    app.add_middleware(cls, guard=guard)
    return app


def wrapped_by_a_function(guard: KindeGuard) -> App:
    inner = installed(guard)

    @functools.wraps(inner.__call__)
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await inner(scope, receive, send)

    return app


def mounted(app: ASGIApp) -> FastAPI:
    root = FastAPI()
    root.mount("/users", Wrapper(app))
    root.mount("", app)
    return root


SHAPES: dict[str, Callable[[KindeGuard], App]] = {
    "installed": installed,
    "by hand": by_hand,
    "subclass": lambda guard: by_hand(guard, Subclass),
    "around": lambda guard: KindeGuardMiddleware(users(), guard=guard),
    "wrapped": lambda guard: CORSMiddleware(installed(guard), allow_origins=["*"]),
    "wrapped twice": lambda guard: Wrapper(CORSMiddleware(installed(guard))),
    "function": wrapped_by_a_function,
    "mounted": lambda guard: mounted(installed(guard)),
    "router": lambda guard: Router([Mount("", app=installed(guard))]),
}


async def status(app: App, token: str) -> int:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        answer = await client.get("/users", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


@pytest.mark.parametrize("called", ["called before", "not called"])
@pytest.mark.parametrize("shape", SHAPES)
async def test_application_of_any_shape_trusts_inside_the_blocks_and_not_outside(
    guard: KindeGuard, kinde: LocalKinde, shape: str, called: str
) -> None:
    app = SHAPES[shape](guard)
    raw = kinde.token(["read:users"])
    if called == "called before":
        assert await status(app, raw) == 503
    for _ in range(2):
        with trust(app, kinde):
            assert await status(app, raw) == 200
        assert await status(app, raw) == 503
    with LocalKinde() as another, trust(app, kinde):
        with trust(app, another):
            assert await status(app, raw) == 401
            assert await status(app, another.token(["read:users"])) == 200
        assert await status(app, raw) == 200
        assert await status(app, another.token(["read:users"])) == 401
    assert await status(app, raw) == 503


async def test_exception_inside_of_the_block_ends_the_trust_of_the_application(
    guard: KindeGuard, kinde: LocalKinde
) -> None:
    app, raw = installed(guard), kinde.token(["read:users"])
    with pytest.raises(AssertionError, match="as it fails"), trust(app, kinde):
        assert await status(app, raw) == 0, "as it fails"
    assert await status(app, raw) == 503


async def test_every_guard_of_an_application_trusts(kinde: LocalKinde) -> None:
    outer, inner = (KindeGuard("acme.kinde.com", audience=AUDIENCE) for _ in range(2))
    app = FastAPI()
    outer.install(app)
    app.mount("/admin", installed(inner))
    with trust(app, kinde):
        assert {outer.issuer, inner.issuer} == {kinde.issuer}
    assert {outer.issuer, inner.issuer} == {"https://acme.kinde.com"}


async def test_openapi_document_of_the_block_is_gone_outside(
    guard: KindeGuard, kinde: LocalKinde
) -> None:
    app = FastAPI()
    guard.install(app, docs_client_id="front end")
    app.openapi()
    with trust(app, kinde):
        assert kinde.issuer in str(app.openapi())
    assert kinde.issuer not in str(app.openapi())
