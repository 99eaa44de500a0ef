"""Organizations, permissions and the scopes of operations: who is refused, and how that is told."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kinde_guard import (
    AccessToken,
    ConfigurationError,
    InsufficientPermissions,
    InsufficientScope,
    KindeGuard,
    MissingToken,
    WrongOrganization,
    require_operation_scope,
    require_org,
    require_permissions,
    require_scopes,
)
from kinde_guard.requirements.operation_scope_names import operation_scope
from tests.core.exchange import call, check_refusal, connect
from tests.mint import OMIT, Tenant

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(guard: KindeGuard) -> FastAPI:
    app = FastAPI()
    bills = APIRouter(prefix="/organizations/{org_code}", dependencies=[Depends(require_org())])

    @bills.get("/bills", dependencies=[Depends(require_permissions("read:bills"))])
    async def list_bills(
        token: Annotated[AccessToken, Depends(require_permissions("see:money"))],
    ) -> str | None:
        return token.org_code

    @app.get("/shared/{code}", dependencies=[Depends(require_org("code", allow_global=True))])
    async def shared(code: str) -> str:
        return code

    @app.get("/numbered/{org_code}", dependencies=[Depends(require_org())])
    async def numbered(org_code: int) -> int:
        return org_code

    @app.get("/forgotten", dependencies=[Depends(require_org())])
    async def forgotten() -> str:
        return "no such parameter"

    @app.get("/users/{userId}", dependencies=[Depends(require_operation_scope())])
    async def show_user(userId: str) -> str:  # noqa: N803 - as in Kinde's example
        return userId

    @app.post(
        "/users/{userId}",
        dependencies=[Depends(require_operation_scope()), Depends(require_scopes("audit"))],
    )
    async def change_user(userId: str) -> str:  # noqa: N803 - as in Kinde's example
        return userId

    @app.websocket("/organizations/{org_code}/feed", dependencies=[Depends(require_org())])
    async def feed(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    app.include_router(bills)
    guard.install(app)
    return app


async def test_token_of_the_organization_with_the_permissions_is_let_in(
    app: FastAPI, tenant: Tenant
) -> None:
    token = tenant.user_token(org_code="org_1", permissions=["see:money", "read:bills"])
    answer = await call(app, "/organizations/org_1/bills", token=token)
    assert (answer.status, answer.json) == (200, "org_1")


@pytest.mark.parametrize("org_code", ["org_2", "ORG_1", "org_1 ", "", OMIT])
async def test_token_of_another_organization_or_of_none_gives_wrong_organization(
    org_code: Any, app: FastAPI, tenant: Tenant
) -> None:
    token = tenant.user_token(org_code=org_code, permissions=["see:money", "read:bills"])
    answer = await call(app, "/organizations/org_1/bills", token=token)
    check_refusal(answer, WrongOrganization)
    assert answer.challenge == (
        'Bearer realm="api", error="insufficient_scope", error_description="The access token is '
        'not for the organization of this request."'
    )
    assert answer.json["reason"] == "wrong_organization"


async def test_hasura_spellings_are_read_where_the_plain_ones_are_absent(
    app: FastAPI, tenant: Tenant
) -> None:
    claims = {"x-hasura-org-code": "org_1", "x-hasura-permissions": ["see:money", "read:bills"]}
    answer = await call(app, "/organizations/org_1/bills", token=tenant.user_token(**claims))
    assert (answer.status, answer.json) == (200, "org_1")


async def test_hasura_spelling_beside_the_plain_one_adds_nothing(
    app: FastAPI, tenant: Tenant
) -> None:
    claims: dict[str, Any] = {"org_code": "org_2", "x-hasura-org-code": "org_1"}
    answer = await call(app, "/organizations/org_1/bills", token=tenant.user_token(**claims))
    check_refusal(answer, WrongOrganization)


async def test_hasura_org_code_of_the_wrong_type_is_an_invalid_claim(
    app: FastAPI, tenant: Tenant
) -> None:
    token = tenant.user_token(**{"x-hasura-org-code": ["org_1"]})
    answer = await call(app, "/organizations/org_1/bills", token=token)
    assert (answer.status, answer.json["reason"]) == (401, "invalid_claim")


@pytest.mark.parametrize(
    "permissions", [OMIT, [], ["see:money"], "see:money read:bills", [1], {"see:money": True}]
)
async def test_lacking_permission_names_all_that_the_route_needs(
    permissions: Any, app: FastAPI, tenant: Tenant
) -> None:
    token = tenant.user_token(org_code="org_1", permissions=permissions)
    answer = await call(app, "/organizations/org_1/bills", token=token)
    assert (answer.status, answer.json) == (
        403,
        {
            "type": "about:blank",
            "title": "Forbidden",
            "status": 403,
            "detail": InsufficientPermissions.description,
            "error": "insufficient_scope",
            "reason": "insufficient_permissions",
            "required_permissions": ["read:bills", "see:money"],
        },
    )
    assert answer.challenge == (
        'Bearer realm="api", error="insufficient_scope", error_description="The access token '
        'lacks a permission that this request needs."'
    )


async def test_scopes_are_no_permissions(app: FastAPI, tenant: Tenant) -> None:
    token = tenant.token("see:money", "read:bills", org_code="org_1")
    answer = await call(app, "/organizations/org_1/bills", token=token)
    assert answer.json["reason"] == "insufficient_permissions"


@pytest.mark.parametrize(("org_code", "status"), [("org_1", 200), (OMIT, 200), ("org_2", 403)])
async def test_global_token_passes_where_that_is_allowed(
    org_code: Any, status: int, app: FastAPI, tenant: Tenant
) -> None:
    assert (
        await call(app, "/shared/org_1", token=tenant.token(org_code=org_code))
    ).status == status


async def test_converted_path_parameter_is_compared_as_text(app: FastAPI, tenant: Tenant) -> None:
    assert (await call(app, "/numbered/7", token=tenant.token(org_code="7"))).status == 200


async def test_route_without_the_path_parameter_lets_nobody_in(
    app: FastAPI, tenant: Tenant
) -> None:
    with pytest.raises(ConfigurationError, match="no path parameter 'org_code'"):
        await call(app, "/forgotten", token=tenant.token(org_code="org_1"))


async def test_websocket_of_another_organization_is_closed_with_3003(
    app: FastAPI, tenant: Tenant
) -> None:
    path, token = "/organizations/org_1/feed", tenant.token(org_code="org_2")
    refused = await connect(app, path, token=token, denial=False)
    assert (refused.accepted, refused.close_code) == (False, 3003)
    assert (await connect(app, path, token=tenant.token(org_code="org_1"))).accepted


async def test_refusals_are_counted(app: FastAPI, guard: KindeGuard, tenant: Tenant) -> None:
    await call(app, "/organizations/org_1/bills", token=tenant.token(org_code="org_2"))
    await call(app, "/organizations/org_1/bills", token=tenant.token(org_code="org_1"))
    assert guard.stats.rejected == {"wrong_organization": 1, "insufficient_permissions": 1}


@pytest.mark.parametrize(
    ("method", "scopes", "status", "needed"),
    [
        ("GET", ["get:users_userid"], 200, None),
        ("GET", ["get:users"], 403, ["get:users_userid"]),
        ("POST", ["post:users_userid", "audit"], 200, None),
        ("POST", ["post:users_userid"], 403, ["audit", "post:users_userid"]),
        ("POST", ["get:users_userid", "audit"], 403, ["audit", "post:users_userid"]),
    ],
)
async def test_operation_needs_the_scope_of_kindes_import(
    method: str,
    scopes: list[str],
    status: int,
    needed: list[str] | None,
    app: FastAPI,
    tenant: Tenant,
) -> None:
    answer = await call(app, "/users/u1", method=method, token=tenant.token(*scopes))
    assert (answer.status, status == 200 or answer.json["required_scopes"]) == (
        status,
        needed or True,
    )
    if needed:
        check_refusal(answer, InsufficientScope, required=needed)


async def test_no_token_on_a_public_path_gives_missing_token(make_guard: Any) -> None:
    app = FastAPI()

    @app.get("/open", dependencies=[Depends(require_operation_scope())])
    async def open_route() -> None:
        raise AssertionError

    make_guard(public_paths=["/open"]).install(app)
    check_refusal(await call(app, "/open"), MissingToken)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/users/{userId}", "get:users_userid"),
        ("POST", "/users/{userId}", "post:users_userid"),
        ("GET", "/health", "get:health"),
        ("DELETE", "/v1.2/a-b", "delete:v1_2_a_b"),
        ("GET", "/" + "a" * 60, "get:" + "a" * 60),
    ],
)
def test_operation_scope_follows_the_documented_rule(method: str, path: str, name: str) -> None:
    assert operation_scope(method, path) == name


@pytest.mark.parametrize(
    "path", ["/", "/users/", "/a//b", "/a_-b", "/_a", "/é", "/" + "a" * 61, "/{a}{b}/_"]
)
def test_name_that_kinde_does_not_document_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="name the scope yourself"):
        operation_scope("GET", path)


async def _start(app: FastAPI) -> dict[str, Any]:
    sent: list[Any] = []
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    # A failed start is told to the server and then raised on, as Starlette does.
    with suppress(ConfigurationError):
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    started: dict[str, Any] = sent[0]
    return started


@pytest.mark.parametrize("other_needs", [True, False])
async def test_colliding_operations_do_not_start_and_are_both_named(
    other_needs: bool, guard: KindeGuard
) -> None:
    app = FastAPI()
    needs = [Depends(require_operation_scope())]

    @app.get("/a-b", dependencies=needs)
    async def one() -> None: ...

    @app.get("/a/b", dependencies=needs if other_needs else [])
    async def two() -> None: ...

    guard.install(app)
    message = await _start(app)
    assert message["type"] == "lifespan.startup.failed"
    assert message["message"].startswith("GET /a-b and GET /a/b: ")


async def test_unpredictable_operation_does_not_start(guard: KindeGuard) -> None:
    app = FastAPI()

    @app.get("/", dependencies=[Depends(require_operation_scope())])
    async def root() -> None: ...

    guard.install(app)
    assert (await _start(app))["type"] == "lifespan.startup.failed"


async def test_collision_that_nobody_asks_about_starts(guard: KindeGuard) -> None:
    app = FastAPI()

    @app.get("/a-b")
    async def one() -> None: ...

    @app.get("/a/b")
    async def two() -> None: ...

    guard.install(app)
    assert (await _start(app))["type"] == "lifespan.startup.complete"


def test_openapi_names_operation_scopes_permissions_and_organization(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    shown = paths["/users/{userId}"]["post"]
    assert shown["security"][0] == {"KindeBearer": ["audit", "post:users_userid"]}
    bills = paths["/organizations/{org_code}/bills"]["get"]
    assert bills["x-required-permissions"] == ["read:bills", "see:money"]
    assert bills["x-required-organization"] == "org_code"
    assert set(bills["responses"]) == {"200", "401", "403", "503"}


@pytest.mark.parametrize("bad", [(), ("",), ("a b",), (["a"],), (1,)])
def test_permissions_that_are_no_names_fail_at_import(bad: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"was given|no permission|is no name"):
        require_permissions(*bad)


@pytest.mark.parametrize("bad", ["", "org code", 1, None])
def test_path_parameter_that_is_no_name_fails_at_import(bad: Any) -> None:
    with pytest.raises(ValueError, match="must name a path parameter"):
        require_org(bad)


async def test_websocket_that_asks_for_an_operations_scope_lets_nobody_in(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()

    @app.websocket("/feed", dependencies=[Depends(require_operation_scope())])
    async def feed(websocket: WebSocket) -> None:
        raise AssertionError

    guard.install(app)
    with pytest.raises(ConfigurationError, match="this is no HTTP route of FastAPI"):
        await connect(app, "/feed", token=tenant.token("get:feed"))


async def test_operations_scope_is_asked_in_vain_outside_of_a_route_of_fastapi(
    guard: KindeGuard, tenant: Tenant
) -> None:
    ask = require_operation_scope()

    async def users(request: Request) -> Response:
        await ask(request)
        raise AssertionError

    app = Starlette(routes=[Route("/users", users)])
    guard.install(app)
    with pytest.raises(ConfigurationError, match="this is no HTTP route of FastAPI"):
        await call(app, "/users", token=tenant.token("get:users"))


async def test_unpredictable_operation_that_does_not_ask_for_its_scope_starts(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()

    @app.get("/")
    async def root() -> None: ...

    @app.get("/users", dependencies=[Depends(require_operation_scope())])
    async def users() -> str:
        return "users"

    guard.install(app)
    assert (await _start(app))["type"] == "lifespan.startup.complete"
    assert (await call(app, "/users", token=tenant.token("get:users"))).status == 200


@pytest.mark.parametrize("make", [require_org, require_operation_scope])
async def test_requirement_without_its_parentheses_lets_nobody_in(
    make: Any, make_guard: Any, tenant: Tenant
) -> None:
    app = FastAPI()

    @app.get("/open/{org_code}", dependencies=[Depends(make)])
    async def users(org_code: str) -> None:
        raise AssertionError

    make_guard(public_paths=["/open/*"]).install(app)
    for token in (None, tenant.token("get:open_org_code", org_code="o")):
        with pytest.raises(ConfigurationError) as raised:
            await call(app, "/open/o", token=token)
        assert str(raised.value) == f"write Depends({make.__name__}()), with the inner parentheses"
