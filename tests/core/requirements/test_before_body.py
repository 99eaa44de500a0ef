"""A good token that lacks what the route requires is rejected before the body is read."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, Request, UploadFile
from fastapi.routing import APIRoute
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import Message

from kinde_guard import (
    AccessToken,
    InsufficientScope,
    KindeGuard,
    MissingToken,
    optional_token,
    require_org,
    require_roles,
    require_scopes,
)
from tests.core.conftest import MakeGuard
from tests.core.exchange import Answer, bearer, check_refusal, http_scope
from tests.mint import Tenant

pytestmark = pytest.mark.anyio

WRITE = Depends(require_scopes("create:users"))


async def create(body: dict[str, Any]) -> dict[str, Any]:
    return body


class Client:
    """A caller whose body is counted as it is read, and may never come."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)
        self.read = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        self.read += 1
        if not self.chunks:
            raise AssertionError("the body was read")
        body = self.chunks.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(self.chunks)}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def post(self, app: Any, token: str | None, path: str = "/users") -> Answer:
        headers = {} if token is None else bearer(token)
        sent = {"content-type": "application/json", "content-length": "9", **headers}
        await app(http_scope("POST", path, sent), self.receive, self.send)
        start, *parts = self.sent
        pairs = [(name.decode(), value.decode()) for name, value in start["headers"]]
        return Answer(start["status"], pairs, b"".join(part["body"] for part in parts))


def app_with(guard: KindeGuard, **route: Any) -> FastAPI:
    app = FastAPI()
    app.post("/users", **{"dependencies": [WRITE], **route})(create)
    guard.install(app)
    return app


async def test_poor_token_is_rejected_before_the_body(guard: KindeGuard, tenant: Tenant) -> None:
    client = Client()
    answer = await client.post(app_with(guard), tenant.token())
    check_refusal(answer, InsufficientScope, required=["create:users"])
    assert client.read == 0
    assert dict(guard.stats.rejected) == {"insufficient_scope": 1}


async def test_good_token_is_served_with_the_whole_body(guard: KindeGuard, tenant: Tenant) -> None:
    client = Client(b'{"a"', b": 1}")
    answer = await client.post(app_with(guard), tenant.token("create:users"))
    assert (answer.status, answer.json) == (200, {"a": 1})


async def test_body_that_is_no_json_does_not_hide_the_rejection(
    guard: KindeGuard, tenant: Tenant
) -> None:
    answer = await Client(b"no json").post(app_with(guard), tenant.token())
    assert answer.status == 403


async def test_missing_token_on_a_public_path_is_rejected_early(make_guard: MakeGuard) -> None:
    client = Client()
    answer = await client.post(app_with(make_guard(public_paths=["/users"])), None)
    check_refusal(answer, MissingToken)
    assert client.read == 0


async def test_optional_token_is_not_required_early(make_guard: MakeGuard) -> None:
    guard = make_guard(public_paths=["/users"])
    client = Client(b"{}")
    answer = await client.post(app_with(guard, dependencies=[Depends(optional_token)]), None)
    assert answer.status == 200


def _included(app: FastAPI) -> None:
    router = APIRouter(dependencies=[WRITE])
    router.post("/users")(create)
    app.include_router(router)


def _included_with(app: FastAPI) -> None:
    router = APIRouter()
    router.post("/users")(create)
    app.include_router(router, dependencies=[WRITE])


def _with_parameter(app: FastAPI) -> None:
    @app.post("/users")
    async def handler(body: dict[str, Any], token: AccessToken = WRITE) -> None:
        """Never called."""


def _with_form(app: FastAPI) -> None:
    @app.post("/users", dependencies=[WRITE])
    async def handler(file: UploadFile) -> None: ...


def _reading_itself(app: FastAPI) -> None:
    @app.post("/users", dependencies=[WRITE])
    async def handler(request: Request) -> None:
        await request.body()


def _custom_route(app: FastAPI) -> None:
    class Custom(APIRoute):
        def get_route_handler(self) -> Any:
            handler = super().get_route_handler()

            async def wrapped(request: Request) -> Response:
                try:
                    return await handler(request)
                except Exception:  # noqa: BLE001 - as such classes do
                    return JSONResponse({"wrapped": True}, status_code=500)

            return wrapped

    router = APIRouter(route_class=Custom, dependencies=[WRITE])
    router.post("/users")(create)
    app.include_router(router)


PLACES = [_included, _included_with, _with_parameter, _with_form, _reading_itself, _custom_route]


@pytest.mark.parametrize("place", PLACES)
async def test_poor_token_is_rejected_early_wherever_the_requirement_stands(
    place: Any, guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    place(app)
    guard.install(app)
    client = Client()
    answer = await client.post(app, tenant.token())
    check_refusal(answer, InsufficientScope, required=["create:users"])
    assert client.read == 0


async def test_poor_token_is_rejected_early_in_a_mounted_application(
    guard: KindeGuard, tenant: Tenant
) -> None:
    inner = FastAPI()
    inner.post("/users", dependencies=[WRITE])(create)
    app = FastAPI()
    app.mount("/v1", inner)
    guard.install(app)
    client = Client()
    answer = await client.post(app, tenant.token(), "/v1/users")
    check_refusal(answer, InsufficientScope, required=["create:users"])
    assert client.read == 0


@pytest.mark.parametrize("inside", [False, True])
async def test_base_http_middleware_changes_nothing(
    inside: bool, guard: KindeGuard, tenant: Tenant
) -> None:
    async def dispatch(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    app = FastAPI()
    app.post("/users", dependencies=[WRITE])(create)
    if not inside:
        guard.install(app)
    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    if inside:
        guard.install(app)
    answer = await Client(b"no json").post(app, tenant.token())
    check_refusal(answer, InsufficientScope, required=["create:users"])


def _reading_first(app: FastAPI, fail: type[Exception] | None) -> None:
    class Reading(APIRoute):
        def get_route_handler(self) -> Any:
            handler = super().get_route_handler()

            async def wrapped(request: Request) -> Response:
                try:
                    await request.body()
                except Exception:
                    if fail is None:
                        raise
                    raise fail("of the application") from None
                return await handler(request)

            return wrapped

    router = APIRouter(route_class=Reading, dependencies=[WRITE])
    router.post("/users")(create)
    app.include_router(router)


@pytest.mark.parametrize("fail", [None, LookupError])
async def test_exception_that_unwinds_the_application_never_reaches_the_server(
    fail: type[Exception] | None, guard: KindeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    _reading_first(app, fail)
    guard.install(app)
    client = Client()
    answer = await client.post(app, tenant.token())
    check_refusal(answer, InsufficientScope, required=["create:users"])
    assert client.read == 0


async def test_error_of_the_application_after_an_early_rejection_is_raised(
    guard: KindeGuard, tenant: Tenant
) -> None:
    class Reading(APIRoute):
        def get_route_handler(self) -> Any:
            async def wrapped(request: Request) -> Response:
                with contextlib.suppress(Exception):
                    await request.body()
                raise LookupError("of the application")

            return wrapped

    app = FastAPI()
    router = APIRouter(route_class=Reading, dependencies=[WRITE])
    router.post("/users")(create)
    app.include_router(router)
    guard.install(app)
    client = Client()
    with pytest.raises(LookupError):
        await client.post(app, tenant.token())
    assert client.sent[0]["status"] == 403


async def test_overridden_dependency_is_not_asked_early(guard: KindeGuard, tenant: Tenant) -> None:
    app = app_with(guard)
    app.dependency_overrides[require_scopes("create:users")] = lambda: None
    assert (await Client(b"{}").post(app, tenant.token())).status == 200


async def test_own_handler_answers_early_and_may_read_the_body(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = app_with(guard)

    @app.exception_handler(403)
    async def answer(request: Request, error: Exception) -> Response:
        return JSONResponse({"read": (await request.body()).decode()}, status_code=403)

    client = Client(b"the body!")
    answered = await client.post(app, tenant.token())
    assert (answered.status, answered.json) == (403, {"read": "the body!"})


async def test_configuration_error_is_left_to_the_dependency(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = app_with(guard, dependencies=[Depends(require_org("no_such"))])
    with pytest.raises(ValueError, match="no_such"):
        await Client(b"{}").post(app, tenant.token())


async def test_rejection_names_all_that_the_route_needs(guard: KindeGuard, tenant: Tenant) -> None:
    app = app_with(guard, dependencies=[WRITE, Depends(require_scopes("read:users"))])
    answer = await Client().post(app, tenant.token("read:users"))
    check_refusal(answer, InsufficientScope, required=["create:users", "read:users"])


async def test_several_requirements_are_asked_in_their_order(
    guard: KindeGuard, tenant: Tenant
) -> None:
    app = app_with(guard, dependencies=[Depends(require_roles("admin")), WRITE])
    answer = await Client().post(app, tenant.token())
    assert answer.json["reason"] == "insufficient_role"


def test_body_of_a_route_stays_what_it_was(guard: KindeGuard) -> None:
    app = FastAPI()

    @app.post("/users", dependencies=[WRITE])
    async def handler(name: str = Body()) -> None: ...

    guard.install(app)
    assert "requestBody" in app.openapi()["paths"]["/users"]["post"]
