"""Where a requirement may stand, what it adds up to, and what happens where no guard stands."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, Request, Security
from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from kinde_guard import (
    AccessToken,
    ConfigurationError,
    GuardError,
    InsufficientScope,
    KindeGuard,
    KindeGuardMiddleware,
    MissingToken,
    current_token,
    optional_token,
    require_any_scope,
    require_scopes,
    require_token,
)
from kinde_guard.asgi.rejections import answer_rejection
from tests.core.conftest import MakeGuard
from tests.core.exchange import Answer, bearer, call, check_refusal, connect, http_scope
from tests.mint import AUDIENCE, KeyServer, Tenant

pytestmark = pytest.mark.anyio

Handler = Callable[..., Awaitable[dict[str, str]]]


async def ok() -> dict[str, str]:
    return {"answer": "ok"}


def needed(answer: Answer) -> set[str]:
    """Return the scopes that a 403 names, in the challenge and in the body alike."""
    assert answer.status == 403
    required = answer.json["required_scopes"]
    check_refusal(answer, InsufficientScope, required=required)
    assert len(set(required)) == len(required)
    return set(required)


# --- where it may stand --------------------------------------------------------------------------


def _on_the_route(app: FastAPI) -> None:
    app.add_api_route("/x", ok, dependencies=[Depends(require_scopes("a"))])


def _on_the_router(app: FastAPI) -> None:
    router = APIRouter(dependencies=[Depends(require_scopes("a"))])
    router.add_api_route("/x", ok)
    app.include_router(router)


def _on_the_inclusion(app: FastAPI) -> None:
    router = APIRouter()
    router.add_api_route("/x", ok)
    app.include_router(router, dependencies=[Depends(require_scopes("a"))])


def _as_a_parameter(app: FastAPI) -> None:
    @app.get("/x")
    async def handler(token: Annotated[AccessToken, Depends(require_scopes("a"))]) -> str:
        return token.principal or ""


def _as_a_default(app: FastAPI) -> None:
    @app.get("/x")
    async def handler(token: AccessToken = Depends(require_scopes("a"))) -> str:  # noqa: B008
        return token.principal or ""


def _through_security(app: FastAPI) -> None:
    app.add_api_route("/x", ok, dependencies=[Security(require_scopes("a"))])


def _through_current_token(app: FastAPI) -> None:
    app.add_api_route("/x", ok, dependencies=[Security(current_token, scopes=["a"])])


def _in_another_dependency(app: FastAPI) -> None:
    async def caller(token: Annotated[AccessToken, Depends(require_scopes("a"))]) -> str:
        return token.principal or ""

    @app.get("/x")
    async def handler(name: str = Depends(caller)) -> str:
        return name


def _in_a_dependency_that_yields(app: FastAPI) -> None:
    async def session(
        token: Annotated[AccessToken, Depends(require_scopes("a"))],
    ) -> AsyncIterator[str]:
        yield token.principal or ""

    @app.get("/x")
    async def handler(name: str = Depends(session)) -> str:
        return name


def _on_a_sync_route(app: FastAPI) -> None:
    @app.get("/x", dependencies=[Depends(require_scopes("a"))])
    def handler(tasks: BackgroundTasks) -> str:
        return "ok"


def _on_a_nested_router(app: FastAPI) -> None:
    inner = APIRouter()
    inner.add_api_route("/x", ok)
    outer = APIRouter(dependencies=[Depends(require_scopes("a"))])
    outer.include_router(inner)
    app.include_router(outer)


def _in_a_mounted_app(app: FastAPI) -> None:
    inner = FastAPI()
    inner.add_api_route("/", ok, dependencies=[Depends(require_scopes("a"))])
    app.mount("/x", inner)


def _in_an_app_mounted_twice_deep(app: FastAPI) -> None:
    inmost = FastAPI()
    inmost.add_api_route("/", ok, dependencies=[Depends(require_scopes("a"))])
    inner = FastAPI()
    inner.mount("/", inmost)
    app.mount("/x", inner)


def _on_the_mounted_app_itself(app: FastAPI) -> None:
    inner = FastAPI(dependencies=[Depends(require_scopes("a"))])
    inner.add_api_route("/", ok)
    app.mount("/x", inner)


PLACES = [
    _on_the_route,
    _on_the_router,
    _on_the_inclusion,
    _as_a_parameter,
    _as_a_default,
    _through_security,
    _through_current_token,
    _in_another_dependency,
    _in_a_dependency_that_yields,
    _on_a_sync_route,
    _on_a_nested_router,
    _in_a_mounted_app,
    _in_an_app_mounted_twice_deep,
    _on_the_mounted_app_itself,
]
EVERY_PLACE = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)


def _path(place: Callable[[FastAPI], None]) -> str:
    return "/x/" if "mounted" in place.__name__ else "/x"


@EVERY_PLACE
@pytest.mark.parametrize("install_first", [True, False])
async def test_requirement_in_this_place_answers_200_403_and_401(
    place: Callable[[FastAPI], None], install_first: bool, guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    if install_first:
        guard.install(app)
        place(app)
    else:
        place(app)
        guard.install(app)
    path = _path(place)

    assert (await call(app, path, token=tenant.token("a"))).status == 200
    refused = await call(app, path, token=tenant.token("b"))
    check_refusal(refused, InsufficientScope, required=["a"])
    check_refusal(await call(app, path), MissingToken)


@EVERY_PLACE
async def test_requirement_in_this_place_under_a_middleware_by_hand_answers_the_same(
    place: Callable[[FastAPI], None], guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    place(app)
    app.add_middleware(KindeGuardMiddleware, guard=guard)
    path = _path(place)

    assert (await call(app, path, token=tenant.token("a"))).status == 200
    refused = await call(app, path, token=tenant.token("b"))
    check_refusal(refused, InsufficientScope, required=["a"])
    check_refusal(await call(app, path), MissingToken)


@EVERY_PLACE
async def test_requirement_in_this_place_on_a_public_path_answers_401_without_a_token(
    place: Callable[[FastAPI], None], make_guard: MakeGuard
) -> None:
    app = FastAPI()
    place(app)
    make_guard(public_paths=("/x/*",)).install(app)
    check_refusal(await call(app, _path(place)), MissingToken)


@EVERY_PLACE
async def test_requirement_in_this_place_without_a_guard_answers_500_and_says_what_to_do(
    place: Callable[[FastAPI], None], tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI()
    place(app)
    answer = await call(app, _path(place), token=tenant.token("a"))

    assert (answer.status, answer.json) == (500, {"detail": "Internal Server Error"})
    lines = [record for record in caplog.records if record.name == "kinde_guard"]
    assert [record.levelno for record in lines] == [logging.ERROR]
    assert "guard.install(app)" in lines[0].getMessage()


async def test_whole_app_with_a_requirement_answers_403_on_every_route(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI(dependencies=[Depends(require_scopes("a"))])
    app.add_api_route("/x", ok)
    guard.install(app)

    assert (await call(app, "/x", token=tenant.token("a"))).status == 200
    assert needed(await call(app, "/x", token=tenant.token())) == {"a"}


@pytest.mark.parametrize("handled", [Exception, HTTPException, 500])
async def test_general_handlers_of_a_mounted_app_do_not_change_a_refusal(
    handled: type[Exception] | int, guard: KindeGuard, tenant: Tenant
) -> None:
    inner = FastAPI()
    inner.add_api_route("/x", ok, dependencies=[Depends(require_scopes("a"))])

    @inner.exception_handler(handled)
    async def swallow(request: Request, error: Exception) -> None:
        raise AssertionError("asked although the guard answers")

    app = FastAPI()
    app.mount("/inner", inner)
    guard.install(app)
    answer = await call(app, "/inner/x", token=tenant.token())
    check_refusal(answer, InsufficientScope, required=["a"])


async def test_debug_mode_of_a_mounted_app_shows_no_traceback_of_a_refusal(
    guard: KindeGuard, tenant: Tenant
) -> None:
    inner = FastAPI(debug=True)
    inner.add_api_route("/x", ok, dependencies=[Depends(require_scopes("a"))])
    app = FastAPI(debug=True)
    app.mount("/inner", inner)
    guard.install(app)
    answer = await call(app, "/inner/x", token=tenant.token())
    check_refusal(answer, InsufficientScope, required=["a"])


@pytest.mark.parametrize("place", [_on_the_route, _in_a_mounted_app, _in_an_app_mounted_twice_deep])
async def test_refusal_counts_once_wherever_it_was_said(
    place: Callable[[FastAPI], None], guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    place(app)
    guard.install(app)
    await call(app, _path(place), token=tenant.token())
    assert dict(guard.stats.rejected) == {"insufficient_scope": 1}


async def test_refusal_behind_a_base_http_middleware_is_the_same(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    _on_the_route(app)
    guard.install(app)

    @app.middleware("http")
    async def timing(request: Request, call_next: Callable[[Request], Awaitable[Any]]) -> Any:
        response = await call_next(request)
        response.headers["x-time"] = "1"
        return response

    answer = await call(app, "/x", token=tenant.token())
    assert (answer.status, answer.json["required_scopes"]) == (403, ["a"])
    assert answer.header("x-time") == "1"
    assert (await call(app, "/x")).header("x-time") == "1"


@pytest.mark.parametrize(
    "dependency",
    [require_token(), require_any_scope("a", "b"), current_token, optional_token],
    ids=["require_token", "require_any_scope", "current_token", "optional_token"],
)
async def test_other_requirements_without_a_guard_answer_500_too(
    dependency: Callable[..., Any], tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI()
    app.add_api_route("/x", ok, dependencies=[Depends(dependency)])
    assert (await call(app, "/x", token=tenant.token("a"))).status == 500
    assert "guard.install(app)" in caplog.text


async def test_guard_of_a_mounted_app_protects_it_and_nothing_else(
    guard: KindeGuard, tenant: Tenant
) -> None:
    inner = FastAPI()
    inner.add_api_route("/x", ok, dependencies=[Depends(require_scopes("a"))])
    guard.install(inner)
    app = FastAPI()
    app.mount("/inner", inner)
    app.add_api_route("/outside", ok)

    assert (await call(app, "/outside")).status == 200
    check_refusal(await call(app, "/inner/x"), MissingToken)
    assert needed(await call(app, "/inner/x", token=tenant.token())) == {"a"}
    assert (await call(app, "/inner/x", token=tenant.token("a"))).status == 200


async def test_app_mounted_under_two_guards_answers_with_the_realm_of_each(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    inner = FastAPI()
    inner.add_api_route("/x", ok, dependencies=[Depends(require_scopes("a"))])
    for realm in ("first", "second"):
        app = FastAPI()
        app.mount("/inner", inner)
        make_guard(realm=realm).install(app)
        answer = await call(app, "/inner/x", token=tenant.token())
        check_refusal(answer, InsufficientScope, realm=realm, required=["a"])


async def test_guards_of_an_app_and_of_a_mounted_app_both_have_to_agree(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    inner = FastAPI()
    inner.add_api_route("/x", ok, dependencies=[Depends(require_scopes("a"))])
    make_guard(audience="api-inner").install(inner)
    app = FastAPI()
    app.mount("/inner", inner)
    make_guard(audience=[AUDIENCE, "api-inner"]).install(app)

    refused = await call(app, "/inner/x", token=tenant.token("a"))
    assert (refused.status, refused.json["reason"]) == (401, "wrong_audience")
    assert (await call(app, "/inner/x", token=tenant.token("a", aud="api-inner"))).status == 200


# --- what it adds up to --------------------------------------------------------------------------


async def test_403_names_all_scopes_of_router_inclusion_and_route(
    guard: KindeGuard, tenant: Tenant
) -> None:
    router = APIRouter(dependencies=[Depends(require_scopes("router"))])
    router.add_api_route("/x", ok, dependencies=[Depends(require_scopes("route", "second"))])
    app = FastAPI(dependencies=[Depends(require_scopes("app"))])
    app.include_router(router, dependencies=[Depends(require_scopes("inclusion"))])
    guard.install(app)
    every = {"app", "inclusion", "router", "route", "second"}

    for held in [(), ("app",), ("app", "inclusion", "router"), ("route", "second")]:
        assert needed(await call(app, "/x", token=tenant.token(*held))) == every
    assert (await call(app, "/x", token=tenant.token(*every))).status == 200


async def test_403_names_all_scopes_of_security_around_a_dependency(
    guard: KindeGuard, tenant: Tenant
) -> None:
    async def user(
        token: Annotated[AccessToken, Security(current_token, scopes=["inner"])],
    ) -> str:
        return token.principal or ""

    app = FastAPI()

    @app.get("/x", dependencies=[Depends(require_scopes("beside"))])
    async def handler(name: str = Security(user, scopes=["outer"])) -> str:
        return name

    guard.install(app)
    for held in [(), ("inner",), ("outer",), ("beside", "inner")]:
        answer = await call(app, "/x", token=tenant.token(*held))
        assert needed(answer) == {"inner", "outer", "beside"}
    good = tenant.token("inner", "outer", "beside")
    assert (await call(app, "/x", token=good)).status == 200


@pytest.mark.parametrize(
    ("requirement", "own"),
    [
        (require_token(), set()),
        (require_scopes("own"), {"own"}),
        (require_any_scope("own", "other"), {"own", "other"}),
        (current_token, set()),
        (optional_token, set()),
    ],
    ids=["require_token", "require_scopes", "require_any_scope", "current", "optional"],
)
async def test_scopes_of_security_are_asked_for_beside_the_requirements_own(
    requirement: Any, own: set[str], make_guard: MakeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    for path in ("/x", "/open"):
        app.add_api_route(path, ok, dependencies=[Security(requirement, scopes=["admin"])])
    make_guard(public_paths=["/open"]).install(app)

    assert needed(await call(app, "/x", token=tenant.token("own"))) == {"admin", *own}
    assert needed(await call(app, "/x", token=tenant.token())) == {"admin", *own}
    assert (await call(app, "/x", token=tenant.token("admin", "own"))).status == 200
    check_refusal(await call(app, "/open"), MissingToken)


async def test_same_requirement_twice_is_named_once(guard: KindeGuard, tenant: Tenant) -> None:
    app = FastAPI(dependencies=[Depends(require_scopes("a"))])
    app.add_api_route("/x", ok, dependencies=[Depends(require_scopes("a", "a"))])
    guard.install(app)
    assert needed(await call(app, "/x", token=tenant.token())) == {"a"}


async def test_all_and_any_together_are_both_needed(guard: KindeGuard, tenant: Tenant) -> None:
    app = FastAPI(dependencies=[Depends(require_scopes("a"))])
    app.add_api_route("/x", ok, dependencies=[Depends(require_any_scope("b", "c"))])
    guard.install(app)

    assert needed(await call(app, "/x", token=tenant.token("b"))) == {"a", "b", "c"}
    assert needed(await call(app, "/x", token=tenant.token("a"))) == {"a", "b", "c"}
    assert (await call(app, "/x", token=tenant.token("a", "c"))).status == 200


async def test_two_routes_on_one_path_name_each_their_own_scopes(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    app.add_api_route("/x", ok, methods=["GET"], dependencies=[Depends(require_scopes("read"))])
    app.add_api_route("/x", ok, methods=["PUT"], dependencies=[Depends(require_scopes("write"))])
    guard.install(app)
    assert needed(await call(app, "/x", token=tenant.token())) == {"read"}
    assert needed(await call(app, "/x", method="PUT", token=tenant.token())) == {"write"}


async def test_403_of_a_mounted_app_names_its_own_scopes(guard: KindeGuard, tenant: Tenant) -> None:
    inner = FastAPI(dependencies=[Depends(require_scopes("inner"))])
    inner.add_api_route("/x", ok, dependencies=[Depends(require_scopes("route"))])
    app = FastAPI()
    app.add_api_route("/inner/y", ok, dependencies=[Depends(require_scopes("outer"))])
    app.mount("/inner", inner)
    guard.install(app)
    assert needed(await call(app, "/inner/x", token=tenant.token())) == {"inner", "route"}


# --- what it gives and takes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "dependency",
    [require_token(), require_scopes("a"), require_any_scope("a", "b"), current_token],
    ids=["require_token", "require_scopes", "require_any_scope", "current_token"],
)
async def test_requirement_gives_the_access_token_of_the_request(
    dependency: Callable[..., Any], guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    given: list[object] = []

    @app.get("/x")
    async def handler(request: Request, token: Any = Depends(dependency)) -> None:  # noqa: B008
        given.extend([token, request.user])

    guard.install(app)
    raw = tenant.token("a")
    assert (await call(app, "/x", token=raw)).status == 200
    assert isinstance(given[0], AccessToken)
    assert given[0].raw == raw
    assert given[0] is given[1]


@pytest.mark.parametrize(
    "dependency",
    [require_token(), require_scopes("a"), require_any_scope("a", "b")],
    ids=["require_token", "require_scopes", "require_any_scope"],
)
def test_requirement_takes_nothing_but_the_connection(dependency: Callable[..., Any]) -> None:
    parameters = inspect.signature(dependency, eval_str=True).parameters.values()
    # The second is what FastAPI says of the route, not of the request.
    annotations = [parameter.annotation for parameter in parameters]
    assert annotations == [HTTPConnection, SecurityScopes]
    assert inspect.iscoroutinefunction(type(dependency).__call__) or inspect.iscoroutinefunction(
        dependency
    )


async def test_two_requests_at_once_get_each_their_own_token(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    meet = asyncio.Barrier(2)

    @app.get("/x")
    async def handler(token: Annotated[AccessToken, Depends(require_token())]) -> str | None:
        await meet.wait()
        return token.principal

    guard.install(app)
    first, second = await asyncio.gather(
        call(app, "/x", token=tenant.token(sub="kp_1")),
        call(app, "/x", token=tenant.token(sub="kp_2")),
    )
    assert (first.json, second.json) == ("kp_1", "kp_2")


async def test_dependency_override_replaces_the_token_in_tests_of_an_app(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()

    @app.get("/x")
    async def handler(token: Annotated[AccessToken, Depends(current_token)]) -> str | None:
        return token.principal

    guard.install(app)
    app.dependency_overrides[current_token] = lambda: AccessToken({"sub": "kp_test"})
    assert (await call(app, "/x", token=tenant.token())).json == "kp_test"


# --- forgotten parentheses -----------------------------------------------------------------------


@pytest.mark.parametrize("factory", [require_token, require_scopes, require_any_scope])
@pytest.mark.parametrize("query", [b"", b"scopes=a", b"scopes=a&args=b&kwargs=c"])
@pytest.mark.parametrize("guarded", [True, False])
async def test_requirement_without_its_parentheses_never_lets_anybody_through(
    factory: Callable[..., Any],
    query: bytes,
    guarded: bool,
    make_guard: MakeGuard,
    tenant: Tenant,
) -> None:
    app = FastAPI()
    reached: list[str] = []
    try:

        @app.get("/x", dependencies=[Depends(factory)])
        async def handler() -> None:
            reached.append("handler")

        if guarded:
            make_guard(public_paths=("/x",)).install(app)
    except (ValueError, TypeError):
        return
    for token in (None, tenant.token("a")):
        try:
            answer = await call(app, "/x", token=token, query_string=query)
        except (ValueError, TypeError):
            continue
        assert answer.status >= 400
    assert reached == []


# --- install -------------------------------------------------------------------------------------


async def test_install_twice_on_one_app_raises_configuration_error(
    make_guard: MakeGuard,
) -> None:
    app = FastAPI()
    make_guard().install(app)
    with pytest.raises(ConfigurationError):
        make_guard().install(app)


@pytest.mark.parametrize("thing", [None, "app", object()], ids=["none", "text", "object"])
def test_install_on_something_else_raises_configuration_error(
    thing: Any, guard: KindeGuard
) -> None:
    with pytest.raises(ConfigurationError):
        guard.install(thing)


async def test_guard_error_of_an_app_under_the_middleware_by_hand_is_answered(
    guard: KindeGuard, tenant: Tenant
) -> None:
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        raise InsufficientScope(("a",))

    app: ASGIApp = KindeGuardMiddleware(bare, guard=guard)
    answer = await call(app, "/", token=tenant.token())
    check_refusal(answer, InsufficientScope, required=["a"])


async def test_guard_error_after_the_answer_began_is_not_answered_twice(
    guard: KindeGuard, tenant: Tenant
) -> None:
    sent: list[Any] = []

    async def bare(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise InsufficientScope(("a",))

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    app: ASGIApp = KindeGuardMiddleware(bare, guard=guard)
    scope = http_scope("GET", "/", bearer(tenant.token()))
    with pytest.raises(InsufficientScope):
        await app(scope, receive, send)
    assert [message["status"] for message in sent] == [200]


async def test_install_on_an_app_that_has_started_raises_configuration_error(
    guard: KindeGuard,
) -> None:
    app = FastAPI()
    await call(app, "/")
    with pytest.raises(ConfigurationError):
        guard.install(app)


async def test_one_guard_protects_two_apps(
    guard: KindeGuard, tenant: Tenant, key_server: KeyServer
) -> None:
    apps = [FastAPI(), FastAPI()]
    for app in apps:
        _on_the_route(app)
        guard.install(app)
        assert (await call(app, "/x", token=tenant.token("a"))).status == 200
        assert (await call(app, "/x")).status == 401
    assert key_server.fetches == 1


async def test_middleware_protects_any_asgi_app(guard: KindeGuard, tenant: Tenant) -> None:
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    app: ASGIApp = KindeGuardMiddleware(bare, guard=guard)
    check_refusal(await call(app, "/"), MissingToken)
    assert (await call(app, "/", token=tenant.token())).status == 204


async def test_middleware_by_hand_protects_websockets(guard: KindeGuard, tenant: Tenant) -> None:
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    app: ASGIApp = KindeGuardMiddleware(bare, guard=guard)
    assert not (await connect(app)).accepted
    assert (await connect(app, token=tenant.token())).accepted


async def test_scope_that_a_caller_of_the_app_made_up_admits_nobody(app: FastAPI) -> None:
    forged: dict[str, Any] = {
        "user": "admin",
        "auth": "all",
        "kinde_guard": "yes",
        "state": {"token": "x"},
    }
    check_refusal(await call(app, "/users", **forged), MissingToken)


# --- without a framework -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "scopes", "refusal"),
    [("/x", ["b"], InsufficientScope), ("/open", None, MissingToken), ("/x", ["a"], None)],
)
async def test_requirement_called_by_a_bare_application_raises_its_refusal(
    path: str,
    scopes: list[str] | None,
    refusal: type[GuardError] | None,
    make_guard: MakeGuard,
    tenant: Tenant,
) -> None:
    raised: list[GuardError] = []

    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await require_scopes("a")(HTTPConnection(scope))
        except GuardError as error:
            raised.append(error)
        await PlainTextResponse("served")(scope, receive, send)

    guard = make_guard(public_paths=["/open"])
    token = None if scopes is None else tenant.token(*scopes)
    answer = await call(KindeGuardMiddleware(bare, guard=guard), path, token=token)
    assert answer.body == b"served"
    assert [type(error) for error in raised] == ([] if refusal is None else [refusal])
    assert dict(guard.stats.rejected) == {error.reason: 1 for error in raised}
    for error in raised:
        if isinstance(error, InsufficientScope):
            assert error.required == ("a",)


async def test_handler_of_refusals_gives_back_what_is_none(guard: KindeGuard) -> None:
    error = LookupError("somebody else's")
    with pytest.raises(LookupError) as raised:
        await answer_rejection(HTTPConnection(http_scope("GET", "/x")), error)
    assert raised.value is error
