"""What the guard leaves behind for the application, put there by somebody else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser, requires
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from kinde_guard import AccessToken, MissingToken, require_scopes, require_token
from tests.attack.bypass.target import MakeGuard
from tests.core.exchange import call, check_refusal
from tests.mint import Tenant

pytestmark = pytest.mark.anyio

FORGED = AccessToken({"sub": "kp_forged", "scope": "read:users admin"})
ADMISSIONS: dict[str, Any] = {
    "token": FORGED,
    "dictionary": {"guard": None, "token": FORGED},
    "look-alike": SimpleNamespace(guard=None, token=FORGED),
    "pair": (None, FORGED),
    "true": True,
}


class _Poison:
    """A middleware that writes into the scope what a request says, as state or as itself."""

    def __init__(self, app: ASGIApp, value: Any) -> None:
        self.app = app
        self.value = value

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["kinde_guard"] = self.value
        scope["user"], scope["auth"] = FORGED, AuthCredentials(["read:users"])
        scope.setdefault("state", {}).update(kinde_guard=self.value, token=FORGED, user=FORGED)
        await self.app(scope, receive, send)


def _app(reached: list[str]) -> FastAPI:
    app = FastAPI()

    @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
    async def users() -> None:
        reached.append("users")

    @app.get("/open/users")
    async def me(token: AccessToken = Depends(require_token())) -> None:  # noqa: B008
        reached.append(str(token.principal))

    return app


@pytest.mark.parametrize("value", ADMISSIONS.values(), ids=ADMISSIONS)
@pytest.mark.parametrize("guarded", [True, False])
async def test_scope_that_is_written_into_beforehand_lets_nobody_in(
    guarded: bool, value: Any, make_guard: MakeGuard
) -> None:
    """A token, or something that looks like the guard's note, in the ASGI scope or its state.

    Seen: guards that trust ``request.state``, which lifespan and other middlewares fill too.
    """
    reached: list[str] = []
    app = _app(reached)
    app.add_middleware(_Poison, value=value)
    if guarded:
        make_guard(public_paths=["/open/*"]).install(app)
        check_refusal(await call(app, "/users"), MissingToken)
        check_refusal(await call(app, "/open/users"), MissingToken)
    else:
        for path in ("/users", "/open/users"):
            assert (await call(app, path)).status == 500
    assert reached == []


@pytest.mark.parametrize("path", ["/users", "/open/users"])
async def test_lifespan_state_lets_nobody_in(path: str, make_guard: MakeGuard) -> None:
    """State of the lifespan, which servers copy into every request, under the guard's own name.

    Seen: ASGI, "Lifespan State".
    """
    reached: list[str] = []
    app = _app(reached)
    make_guard(public_paths=["/open/*"]).install(app)
    state = {"kinde_guard": FORGED, "token": FORGED, "user": FORGED}
    check_refusal(await call(app, path, state=state), MissingToken)
    assert reached == []


class _Anybody(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser]:
        return AuthCredentials(["read:users", "admin"]), SimpleUser("admin")


async def test_user_of_another_authentication_is_replaced(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    """Starlette's own authentication before the guard, which takes everybody for an administrator.

    Seen: two authentications in one application, of which the weaker one writes last.
    """

    @requires("admin")
    async def admin(request: Request) -> PlainTextResponse:
        raise AssertionError("reached")

    async def who(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{request.user.is_authenticated} {request.auth.scopes}")

    app = FastAPI(middleware=[Middleware(AuthenticationMiddleware, backend=_Anybody())])
    app.add_route("/open/who", who)
    app.add_route("/open/admin", admin)
    make_guard(public_paths=["/open/*"]).install(app)
    assert (await call(app, "/open/who")).body == b"False []"
    assert (await call(app, "/open/who", token=tenant.token("x"))).body == (
        b"True ['authenticated', 'x']"
    )
    for token in (None, tenant.token("read:users")):
        assert (await call(app, "/open/admin", token=token)).status == 403


async def test_claims_that_one_handler_changes_are_nobody_elses(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    """A handler that changes the claims, the scopes or the credentials of a token which is
    remembered.

    Seen: caches that hand out the one object they hold.
    """
    app = FastAPI()
    seen: list[Any] = []

    @app.get("/users")
    async def users(
        request: Request,
        token: AccessToken = Depends(require_scopes("read:users")),  # noqa: B008
    ) -> None:
        seen.append((token.claims["scp"][:], sorted(token.scopes), request.auth.scopes[:]))
        token.claims["scp"].append("admin")
        token.claims["aud"].clear()
        request.auth.scopes.append("admin")
        for change in (
            lambda: setattr(token, "scopes", frozenset({"admin"})),
            lambda: token.claims.update(scope="admin"),  # type: ignore[attr-defined]
        ):
            with pytest.raises((AttributeError, TypeError)):
                change()

    make_guard().install(app)
    raw = tenant.token("read:users")
    for _ in range(3):
        assert (await call(app, "/users", token=raw)).status == 200
    granted = ["read:users"]
    assert seen == [(granted, granted, ["authenticated", *granted])] * 3
