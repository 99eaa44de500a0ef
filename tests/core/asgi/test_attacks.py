"""Requests that try to get in, or to learn something, by unusual ways of asking."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, WebSocket
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from kinde_guard import (
    GuardError,
    InsufficientScope,
    InvalidRequest,
    KindeGuard,
    MalformedToken,
    MissingToken,
    WrongOrganization,
    require_scopes,
)
from tests.core.conftest import MakeGuard
from tests.core.exchange import call, check_refusal, connect
from tests.mint import Tenant

pytestmark = pytest.mark.anyio

READ = [Depends(require_scopes("read:users"))]


class Identity:
    claims = MappingProxyType({"key_id": "key_1"})
    scopes = frozenset({"read:users"})


class Keys:
    """API keys that are all good; what is asked is written down."""

    header = "X-API-Key"

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def bind(self, *_: Any) -> Any:
        return self

    def find_cached(self, key: bytes) -> None:
        return None

    async def verify(self, key: bytes) -> Any:
        if b"." in key:
            raise MalformedToken
        self.asked.append(key)
        return Identity()

    async def aclose(self) -> None: ...


async def ok(request: Request) -> Response:
    return JSONResponse(request.method)


def app_with(guard: KindeGuard, *paths: str, **options: Any) -> FastAPI:
    app = FastAPI(**options)
    for path in paths or ("/users",):
        app.router.add_route(path, ok, methods=["GET", "POST", "OPTIONS"])
    app.add_api_route("/scoped", ok_scoped, methods=["GET", "POST"], dependencies=READ)
    guard.install(app)
    return app


async def ok_scoped() -> str:
    return "ok"


@pytest.mark.parametrize(
    ("public", "method", "path", "passes"),
    [
        ("GET /users", "GET", "/users", True),
        ("GET /users", "HEAD", "/users", True),
        ("GET /users", "get", "/users", False),
        ("GET /users", "POST", "/users", False),
        ("GET /users", "OPTIONS", "/users", False),
        ("GET /users", "", "/users", False),
        ("GET /users", "WS", "/users", False),
        ("HEAD /users", "GET", "/users", False),
        ("POST /users", "post", "/users", False),
        ("/open/*", "GET", "/open/../users", False),
        ("/open/*", "GET", "/open/..;/users", False),
        ("/open/*", "GET", "/open/%2e%2e/users", False),
        ("/open/*", "GET", "/open/..\\users", False),
        ("/open/*", "GET", "/open//users", False),
        ("/open/*", "GET", "/open/\x00", False),
        ("/open/*", "GET", "/open/a", True),
        ("/open/*", "GET", "/openusers", False),
        ("GET /open/*", "DELETE", "/open/a", False),
        ("OPTIONS /*", "OPTIONS", "/users", True),
        ("OPTIONS /*", "GET", "/users", False),
    ],
)
@pytest.mark.parametrize("setting", ["public_paths", "unverified_paths"])
async def test_public_path_opens_no_more_than_it_names(
    setting: str, public: str, method: str, path: str, passes: bool, make_guard: MakeGuard
) -> None:
    app = app_with(make_guard(**{setting: [public]}), "/users", "/{rest:path}")
    answer = await call(app, path, method=method)
    assert (answer.status == 200) is passes
    if not passes:
        check_refusal(answer, MissingToken)


@pytest.mark.parametrize("root", ["/v1", "/users", "/"])
async def test_root_path_of_a_proxy_makes_nothing_public(root: str, make_guard: MakeGuard) -> None:
    app = app_with(make_guard(public_paths=["/open"]), "/users", "/open")
    for path in ("/users", f"{root}/users", f"{root}users"):
        assert (await call(app, path, root_path=root)).status == 401


async def test_token_on_an_unverified_path_is_not_had_by_the_route(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    app = app_with(make_guard(unverified_paths=["/users", "/scoped"]))
    assert (await call(app, "/users", token="cron-secret")).status == 200
    token = tenant.token("read:users")
    check_refusal(await call(app, "/scoped", token=token), MissingToken)
    check_refusal(await call(app, "/scoped", method="POST", token=token), MissingToken)


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ([("x-api-key", "k_1"), ("x-api-key", "k_1")], InvalidRequest),
        ([("x-api-key", "k_1"), ("authorization", "Bearer k_1")], InvalidRequest),
        ([("x-api-key", "a.b.c")], MalformedToken),
        ([("authorization", "Basic Og==")], MissingToken),
        ([("authorization", "Basic Og=="), ("authorization", "Basic Og==")], InvalidRequest),
    ],
)
async def test_conflicting_credentials_are_refused_and_no_key_is_asked_for(
    headers: Any, error: Any, make_guard: MakeGuard
) -> None:
    keys = Keys()
    answer = await call(app_with(make_guard(api_keys=keys)), "/scoped", headers=headers)
    check_refusal(answer, error)
    assert keys.asked == []


@pytest.mark.parametrize("headers", [[], [("authorization", "Basic Og==")]])
async def test_api_key_in_its_header_counts_beside_basic(
    headers: Any, make_guard: MakeGuard
) -> None:
    keys = Keys()
    app = app_with(make_guard(api_keys=keys))
    answer = await call(app, "/scoped", headers=[("x-api-key", "k_1"), *headers])
    assert (answer.status, keys.asked) == (200, [b"k_1"])


async def test_api_key_is_not_asked_for_on_an_unverified_path(make_guard: MakeGuard) -> None:
    keys = Keys()
    app = app_with(make_guard(api_keys=keys, unverified_paths=["/users"]))
    answer = await call(app, "/users", headers=[("x-api-key", "k_1"), ("x-api-key", "k_2")])
    assert (answer.status, keys.asked) == (200, [])


@pytest.mark.parametrize("mounted", [False, True])
async def test_rejection_raised_by_the_application_is_answered_with_the_realm(
    mounted: bool, guard: KindeGuard, tenant: Tenant
) -> None:
    inner = FastAPI()

    @inner.get("/tenants")
    async def tenants() -> None:
        raise WrongOrganization

    @inner.websocket("/feed")
    async def feed(websocket: WebSocket) -> None:
        raise WrongOrganization

    app = inner
    if mounted:
        app = FastAPI()
        app.mount("/v1", inner)
    guard.install(app)
    prefix = "/v1" if mounted else ""
    answer = await call(app, f"{prefix}/tenants", token=tenant.token())
    assert answer.status == 403
    assert answer.json["reason"] == "wrong_organization"
    assert (answer.challenge or "").startswith('Bearer realm="api", error="insufficient_scope"')
    talk = await connect(app, f"{prefix}/feed", token=tenant.token())
    assert talk.denial is not None
    assert talk.denial.status == 403
    talk = await connect(app, f"{prefix}/feed", token=tenant.token(), denial=False)
    assert talk.close_code == 3003


async def test_rejection_after_the_websocket_was_accepted_closes_it(
    guard: KindeGuard, tenant: Tenant
) -> None:
    inner, app = FastAPI(), FastAPI()

    @inner.websocket("/feed")
    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        raise WrongOrganization

    app.mount("/v1", inner)
    guard.install(app)
    talk = await connect(app, "/v1/feed", token=tenant.token())
    assert (talk.accepted, talk.close_code) == (True, 3003)


@pytest.mark.parametrize("where", ["inner", "outer"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_handler_that_raises_never_lets_the_request_in(
    where: str, method: str, guard: KindeGuard, tenant: Tenant
) -> None:
    inner, app = FastAPI(), FastAPI()
    ran: list[str] = []

    @inner.api_route("/users", methods=["GET", "POST"], dependencies=READ)
    async def users() -> None:
        ran.append("users")

    async def broken(request: Request, error: Exception) -> Response:
        raise RuntimeError("broken handler")

    (inner if where == "inner" else app).add_exception_handler(403, broken)
    app.mount("/v1", inner)
    guard.install(app)
    with pytest.raises(RuntimeError, match="broken handler"):
        await call(app, "/v1/users", method=method, token=tenant.token())
    assert ran == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_handlers_left_in_mounted_applications_keep_answering_other_errors(
    method: str, guard: KindeGuard, tenant: Tenant
) -> None:
    inner, app = FastAPI(), FastAPI()

    @inner.api_route("/users", methods=["GET", "POST"], dependencies=READ)
    async def users() -> None: ...

    @inner.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(403, "mine")

    def own(request: Request, error: Exception) -> Response:
        kind = "guard" if isinstance(error, GuardError) else "http"
        return JSONResponse({"own": kind}, status_code=403)

    def by_class(request: Request, error: Exception) -> Response:
        return JSONResponse({"own": "class"}, status_code=403)

    inner.add_exception_handler(403, own)
    inner.add_exception_handler(GuardError, by_class)
    inner.add_exception_handler(InsufficientScope, by_class)
    app.mount("/v1", inner)
    guard.install(app)
    for _ in range(3):
        answer = await call(app, "/v1/users", method=method, token=tenant.token())
        assert (answer.status, answer.json) == (403, {"own": "guard"})
        assert 'scope="read:users"' in (answer.challenge or "")
        answer = await call(app, "/v1/teapot", token=tenant.token())
        assert (answer.status, answer.json, answer.challenge) == (403, {"own": "http"}, None)


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/docs/oauth2-redirect", "/redoc"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "WS"])
async def test_docs_paths_are_public_for_get_and_head_alone(
    path: str, method: str, guard: KindeGuard
) -> None:
    app = FastAPI(docs_url="/") if path == "/" else FastAPI()
    ran: list[str] = []

    async def own() -> None:
        ran.append(path)

    async def socket(websocket: WebSocket) -> None:
        ran.append(path)

    app.add_api_route(
        path, own, methods=["POST", "PUT", "DELETE", "PATCH", "OPTIONS"], include_in_schema=False
    )
    app.add_api_websocket_route(path, socket)
    guard.install(app)
    if method == "WS":
        talk = await connect(app, path)
        assert talk.denial is not None
        check_refusal(talk.denial, MissingToken)
    else:
        check_refusal(await call(app, path, method=method), MissingToken)
    assert ran == []
    for served in ("GET", "HEAD"):
        assert (await call(app, path, method=served)).status == 200


async def test_preflight_passes_no_guard(guard: KindeGuard) -> None:
    headers = [("origin", "https://a.example"), ("access-control-request-method", "GET")]
    app = app_with(guard)
    check_refusal(await call(app, "/users", method="OPTIONS", headers=headers), MissingToken)


async def test_no_token_is_left_in_the_offered_subprotocols(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app, seen = FastAPI(), []

    @app.websocket("/feed")
    async def feed(websocket: WebSocket) -> None:
        seen.append(list(websocket.scope["subprotocols"]))
        await websocket.accept()

    guard.install(app)
    good, other = tenant.token("a"), tenant.token("b")
    for offered in (["bearer", good, other], ["chat", "bearer", good, other, good, "k_secret"]):
        await connect(app, subprotocols=offered)
    assert seen == [[], ["chat"]]
