"""Every operation that a caller can reach, in the router's order, with the guards before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from kinde_guard import KindeGuard, KindeGuardMiddleware, require_operation_scope, require_scopes
from kinde_guard.audit.guard_mounts import mounted_guards
from kinde_guard.audit.operations import (
    Kind,
    Operation,
    can_be_listed,
    iter_operations,
    list_operations,
)

READ = [Depends(require_scopes("read:users"))]


async def endpoint() -> None: ...


async def page(request: Request) -> Response:
    """Show a page.

    More than that is not told.
    """
    return PlainTextResponse("")


async def feed(websocket: WebSocket) -> None: ...


async def bare(scope: Scope, receive: Receive, send: Send) -> None: ...


@pytest.fixture
def guard() -> KindeGuard:
    return KindeGuard("acme.kinde.com", audience="https://api.acme.com", public_paths=["/health"])


def named(app: object) -> list[str]:
    return [operation.name for operation in list_operations(app)]


def only(app: object) -> Operation:
    (operation,) = list_operations(app)
    return operation


# --- what is found -------------------------------------------------------------------------------


def test_operations_come_in_the_order_of_the_router() -> None:
    app = FastAPI(openapi_url=None)
    app.get("/b")(endpoint)
    app.include_router(_router())
    app.mount("/m", Starlette(routes=[Route("/x", page), WebSocketRoute("/feed", feed)]))
    app.get("/a")(endpoint)
    assert named(app) == ["GET /b", "GET /roles", "GET /m/x", "WS /m/feed", "GET /a"]


def _router() -> APIRouter:
    router = APIRouter(prefix="/roles")
    router.get("")(endpoint)
    return router


def test_methods_of_a_route_are_sorted_and_head_goes_with_get() -> None:
    routes = [Route("/x", page, methods=["POST", "GET"]), Route("/y", page, methods=["HEAD"])]
    assert named(Starlette(routes=routes)) == ["GET /x", "POST /x", "HEAD /y"]


def test_class_of_starlette_has_the_methods_that_it_defines() -> None:
    class Users(HTTPEndpoint):
        async def delete(self, request: Request) -> None: ...

        async def get(self, request: Request) -> None: ...

    class Feed(WebSocketEndpoint):
        pass

    routes = [Route("/users", Users), WebSocketRoute("/feed", Feed)]
    assert named(Starlette(routes=routes)) == ["DELETE /users", "GET /users", "WS /feed"]


def test_bare_application_as_an_endpoint_takes_any_method() -> None:
    class Anything:
        """Whatever this says, it is not about the route."""

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...

    operation = only(Starlette(routes=[Route("/any", Anything())]))
    assert (operation.name, operation.kind, operation.summary) == ("ANY /any", Kind.ROUTE, "")


def test_static_files_and_mounted_applications_catch_all_below_them(tmp_path: Path) -> None:
    app = Starlette()
    app.mount("/static", StaticFiles(directory=tmp_path))
    app.mount("/other", bare)
    assert [(operation.name, operation.kind) for operation in list_operations(app)] == [
        ("GET /static/{path}", Kind.STATIC),
        ("ANY /other/{path}", Kind.MOUNT),
    ]


def test_what_a_mount_does_not_answer_is_told_to_those_who_ask_for_routing() -> None:
    app = Starlette(routes=[Mount("/m", routes=[Route("/x", page)])])
    assert [(operation.name, operation.kind) for operation in iter_operations(app)] == [
        ("GET /m/x", Kind.ROUTE),
        ("ANY /m/{path}", Kind.UNMATCHED_MOUNT),
    ]
    assert named(app) == ["GET /m/x"]


def test_route_of_an_unknown_kind_is_any_method_of_its_path() -> None:
    class Odd(BaseRoute):
        path = "/odd"
        endpoint = None

        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            return Match.NONE, {}

    operation = only(Router(routes=[Odd()]))
    assert (operation.name, operation.kind) == ("ANY /odd", Kind.MOUNT)


def test_root_of_a_mount_is_its_path_and_the_root_of_all_is_a_slash() -> None:
    assert named(Starlette(routes=[Host("acme.com", Mount("", routes=[Route("/", page)]))])) == [
        "GET /"
    ]
    assert named(Starlette(routes=[Mount("/m", routes=[Route("/", page)])])) == ["GET /m/"]


def test_docs_are_told_apart_where_they_stand_and_below_a_mount() -> None:
    inner = FastAPI(docs_url="/help", redoc_url=None)
    app = FastAPI(openapi_url=None)
    app.mount("/v1", inner)
    app.get("/help")(endpoint)
    assert [(operation.name, operation.kind) for operation in list_operations(app)] == [
        ("GET /v1/openapi.json", Kind.DOCS),
        ("GET /v1/help", Kind.DOCS),
        ("GET /v1/docs/oauth2-redirect", Kind.DOCS),
        ("GET /help", Kind.ROUTE),
    ]


@pytest.mark.skipif(not hasattr(FastAPI, "frontend"), reason="this FastAPI serves no frontends")
def test_frontend_comes_last_with_the_needs_of_its_router(tmp_path: Path) -> None:
    app = FastAPI(openapi_url=None)
    router = APIRouter(prefix="/in", dependencies=READ)
    router.frontend("/site", directory=tmp_path)
    app.include_router(router)
    app.frontend("/", directory=tmp_path)
    app.get("/users")(endpoint)
    found = {
        operation.name: (operation.kind, operation.scopes) for operation in list_operations(app)
    }
    assert found == {
        "GET /users": (Kind.ROUTE, ()),
        "GET /{path}": (Kind.STATIC, ()),
        "GET /in/site/{path}": (Kind.STATIC, ("read:users",)),
    }
    assert next(iter(found)) == "GET /users"


@pytest.mark.parametrize(
    ("options", "summary"),
    [({"summary": "List them"}, "List them"), ({}, "Show a page."), ({"summary": ""}, None)],
)
def test_summary_is_the_routes_own_or_the_first_line_of_its_docstring(
    options: dict[str, Any], summary: str | None
) -> None:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/x", _told, **options)
    assert only(app).summary == (summary or "Show a page.")


async def _told() -> None:
    """Show a page.

    More than that is not told.
    """


# --- what it needs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decorate", "scopes"),
    [
        (requires("read:users"), ("read:users",)),
        (requires(["a", "b", "a"]), ("a", "b")),
        (requires(["authenticated", "a"]), ("a",)),
        (requires("authenticated"), ()),
        (lambda one: requires("a")(requires("b")(one)), ("a", "b")),
        (lambda one: one, ()),
    ],
)
def test_scopes_of_starlettes_requires_are_needed(
    decorate: Callable[[Any], Any], scopes: tuple[str, ...]
) -> None:
    operation = only(Starlette(routes=[Route("/x", decorate(page))]))
    assert operation.scopes == scopes
    assert operation.summary == "Show a page."


def test_scopes_of_both_frameworks_add_up() -> None:
    app = FastAPI(openapi_url=None)

    async def both(request: Request) -> None: ...

    app.get("/x", dependencies=READ)(requires("admin")(both))
    assert only(app).scopes == ("read:users", "admin")


def test_operations_own_scope_is_that_of_its_whole_path_and_method() -> None:
    router = APIRouter(prefix="/v1", dependencies=[Depends(require_operation_scope())])
    router.api_route("/users/{id}", methods=["GET", "PUT"])(endpoint)
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    assert {operation.method: operation.scopes for operation in list_operations(app)} == {
        "GET": ("get:v1_users_id",),
        "PUT": ("put:v1_users_id",),
    }


def test_websocket_that_asks_for_an_operations_scope_is_told_so_without_a_name() -> None:
    app = FastAPI(openapi_url=None)
    app.websocket("/feed", dependencies=[Depends(require_operation_scope())])(feed)
    operation = only(app)
    (requirement,) = operation.requirements
    assert (operation.scopes, operation.can_deny) == ((), True)
    assert requirement.label == "the operation's own scope"


# --- who stands before it ------------------------------------------------------------------------


def test_application_without_a_guard_is_neither_guarded_nor_public() -> None:
    operation = only(Starlette(routes=[Route("/health", page)]))
    assert (operation.is_guarded, operation.is_public, operation.guards) == (False, False, ())


def test_installed_guard_stands_before_every_operation(guard: KindeGuard) -> None:
    app = Starlette(routes=[Route("/health", page), Route("/x", page)])
    guard.install(app)
    assert {operation.name: operation.is_public for operation in list_operations(app)} == {
        "GET /health": True,
        "GET /x": False,
    }
    assert [post.guard for post in mounted_guards(app)] == [guard]


def test_guard_added_by_hand_brings_its_own_public_paths(guard: KindeGuard) -> None:
    app = Starlette(routes=[Route("/health", page), Route("/more", page)])
    app.add_middleware(GZipMiddleware)
    app.add_middleware(KindeGuardMiddleware, guard=guard, public_paths=("/more", "/health"))
    (post,) = mounted_guards(app)
    assert post.public == ("/health", "/more")
    assert all(operation.is_public for operation in list_operations(app))


def test_guards_are_told_from_the_outside_in(guard: KindeGuard) -> None:
    other = KindeGuard("other.kinde.com", audience="https://api.acme.com")
    app = Starlette(routes=[Mount("/in", app=KindeGuardMiddleware(_inner(), guard=other))])
    guard.install(app)
    (operation,) = list_operations(GZipMiddleware(app))
    assert [(post.guard, post.prefix) for post in operation.guards] == [(guard, ""), (other, "/in")]
    assert not operation.is_public


def _inner() -> Starlette:
    return Starlette(routes=[Route("/health", page)])


def test_public_path_is_read_from_the_place_of_its_guard(guard: KindeGuard) -> None:
    app = Starlette(routes=[Mount("/in", app=KindeGuardMiddleware(_inner(), guard=guard))])
    assert only(app).is_public
    assert only(KindeGuardMiddleware(app, guard=guard)).is_public is False


@pytest.mark.parametrize("make", [Route, WebSocketRoute])
def test_guard_among_the_middleware_of_one_route_stands_before_that_route(
    make: Callable[..., BaseRoute], guard: KindeGuard
) -> None:
    middleware = [Middleware(KindeGuardMiddleware, guard=guard)]
    handler = page if make is Route else feed
    routes = [make("/one", handler, middleware=middleware), make("/two", handler)]
    assert [operation.is_guarded for operation in list_operations(Starlette(routes=routes))] == [
        True,
        False,
    ]


def test_guard_among_the_middleware_of_a_mounts_router_stands_before_its_routes(
    guard: KindeGuard,
) -> None:
    router = Router(
        routes=[Route("/health", page)],
        middleware=[Middleware(KindeGuardMiddleware, guard=guard)],
    )
    (operation,) = list_operations(Starlette(routes=[Mount("/in", app=router)]))
    assert [(post.guard, post.prefix) for post in operation.guards] == [(guard, "/in")]
    assert operation.is_public


def test_guard_before_static_files_and_bare_applications_counts(
    guard: KindeGuard, tmp_path: Path
) -> None:
    static = KindeGuardMiddleware(StaticFiles(directory=tmp_path), guard=guard)
    assert only(Starlette(routes=[Mount("/static", app=static)])).is_guarded
    assert only(KindeGuardMiddleware(bare, guard=guard)).is_guarded


@pytest.mark.parametrize(
    ("app", "walkable"),
    [
        (FastAPI(), True),
        (Router(), True),
        (GZipMiddleware(Starlette()), True),
        (bare, False),
        (GZipMiddleware(bare), False),
        ("main:app", False),
    ],
)
def test_application_or_its_wrapper_can_be_walked_and_nothing_else(
    app: object, walkable: bool
) -> None:
    assert can_be_listed(app) is walkable
