"""``assert_guarded`` and the findings behind it: open doors, slips of the pen, public paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Host
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from kinde_guard import (
    KindeGuard,
    KindeGuardMiddleware,
    require_operation_scope,
    require_scopes,
    require_token,
)
from kinde_guard.audit.findings import REMEDIES, answering, assert_guarded, find_problems
from kinde_guard.audit.operations import iter_operations, list_operations
from kinde_guard.audit.scope_names import are_alike

ISSUER, AUDIENCE = "acme.kinde.com", "https://api.acme.com"
READ = [Depends(require_scopes("read:users"))]


def app_with(*public: str, **settings: bool) -> FastAPI:
    app = FastAPI()
    KindeGuard(ISSUER, audience=AUDIENCE, public_paths=public, **settings).install(app)  # type: ignore[arg-type]
    return app


async def endpoint() -> None: ...


def codes(app: object) -> list[tuple[str, str]]:
    return [
        (operation.code, operation.subject) for operation in find_problems(list_operations(app))
    ]


def test_guarded_application_passes() -> None:
    app = app_with("/health")
    app.get("/health")(endpoint)
    app.get("/users", dependencies=READ)(endpoint)
    assert_guarded(app)


def test_route_without_scope_fails_with_what_to_do() -> None:
    app = app_with()
    app.get("/users")(endpoint)
    with pytest.raises(AssertionError) as caught:
        assert_guarded(app)
    assert str(caught.value) == (
        "1 findings in the routes of the application\n"
        "no_scope: GET /users is not public and requires no scope: any token will do; "
        "add Depends(require_scopes(...)); or, if any token is meant to do, allow it by its name; "
        "or name the path in public_paths"
    )


@pytest.mark.parametrize("meant", ["/me", "GET /me"])
def test_route_that_needs_merely_a_token_passes_where_it_is_allowed(meant: str) -> None:
    app = app_with()
    app.get("/me", dependencies=[Depends(require_token())])(endpoint)
    assert codes(app) == [("no_scope", "GET /me")]
    assert_guarded(app, allow=[meant])


def test_application_without_a_guard_is_open() -> None:
    app = FastAPI()
    app.get("/users", dependencies=READ)(endpoint)
    assert codes(app) == [("no_guard", "GET /users")]
    assert says(app) == ["no guard is in front of GET /users"]


def test_protected_docs_are_no_finding() -> None:
    assert codes(app_with(protect_docs=True)) == []


def test_scopes_of_the_application_and_of_its_mount_count() -> None:
    inner = FastAPI(dependencies=READ, openapi_url=None)
    inner.get("/users")(endpoint)
    app = app_with()
    app.mount("/v1", inner)
    assert codes(app) == []


def test_mount_with_a_guard_of_its_own_is_guarded_below_its_path() -> None:
    inner = app_with("/health")
    inner.get("/health")(endpoint)
    app = FastAPI(openapi_url=None)
    app.mount("/v1", inner)
    assert codes(app) == []
    assert {operation.path for operation in list_operations(app) if operation.is_public} >= {
        "/v1/health",
        "/v1/docs",
    }


def test_path_that_is_public_for_one_of_two_guards_is_not_public() -> None:
    inner = app_with("/health")
    inner.get("/health")(endpoint)
    app = app_with()
    app.mount("/v1", inner)
    assert ("no_scope", "GET /v1/health") in codes(app)


def test_guard_around_the_application_counts() -> None:
    app = FastAPI(openapi_url=None)
    app.get("/users", dependencies=READ)(endpoint)
    guard = KindeGuard(ISSUER, audience=AUDIENCE)
    wrapped = CORSMiddleware(KindeGuardMiddleware(app, guard=guard))
    assert codes(wrapped) == []


def test_exact_public_path_of_an_earlier_route_shadows_no_later_one() -> None:
    app = app_with("/users/me")
    app.get("/users/me")(endpoint)
    app.get("/users/{name}", dependencies=READ)(endpoint)
    assert codes(app) == []


def test_prefix_that_covers_a_guarded_route_shadows_it() -> None:
    app = app_with("/users/*")
    app.get("/users/{name}", dependencies=READ)(endpoint)
    assert codes(app) == [("public_shadows", "/users/*")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("read:user", "read:users"),
        ("read:users", "Read:Users"),
        ("read:users", "read_users"),
        ("read:users", "users:read"),
        ("read:users", "read:uesrs"),
        ("read:users", "raad:users"),
        ("read:users", "aread:users"),
        ("v1:read", "v1:reads"),
        ("get:users", "got:users"),
    ],
)
def test_slip_of_the_pen_is_seen(one: str, other: str) -> None:
    assert are_alike(one, other)
    assert are_alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("read:users", "create:users"),
        ("read:users", "read:roles"),
        ("v1:read", "v2:read"),
        ("a", "b"),
        ("get:users_id", "put:users_id"),
        ("get:user_id", "get:users_id"),
    ],
)
def test_different_name_is_no_slip(one: str, other: str) -> None:
    assert not are_alike(one, other)
    assert not are_alike(other, one)


def test_request_is_answered_as_the_router_would() -> None:
    app = app_with()
    app.get("/users/{number:int}", dependencies=READ)(endpoint)
    app.mount("/v1", FastAPI(openapi_url=None))
    app.get("/v1/users")(endpoint)
    operations = list(iter_operations(app))
    found = answering(operations, "GET", "/users/7")
    assert found is not None
    assert found.path == "/users/{number}"
    assert answering(operations, "GET", "/users/ada") is None
    assert answering(operations, "DELETE", "/users/7") is None
    # The mount catches it, though a later route has that path.
    assert answering(operations, "GET", "/v1/users") is None


@pytest.mark.skipif(not hasattr(FastAPI, "frontend"), reason="this FastAPI serves no frontends")
def test_frontend_is_an_operation_too(tmp_path: Path) -> None:
    app = app_with("/open/*")
    for path in ("/open", "/closed"):
        app.frontend(path, directory=tmp_path)
    assert codes(app) == [("no_scope", "GET /closed/{path}")]


def test_routes_of_a_host_are_walked() -> None:
    inner = FastAPI(openapi_url=None)
    inner.get("/users")(endpoint)
    app = app_with()
    app.router.routes.append(Host("api.acme.com", inner))
    assert codes(app) == [("no_scope", "GET /users")]


def test_scope_of_the_operation_is_told_for_each_method() -> None:
    app = app_with()
    needed = [Depends(require_operation_scope())]
    app.api_route("/users/{id}", methods=["GET", "PUT"], dependencies=needed)(endpoint)
    told = {
        operation.method: operation.scopes
        for operation in list_operations(app)
        if operation.path == "/users/{id}"
    }
    assert told == {"GET": ("get:users_id",), "PUT": ("put:users_id",)}


def test_prefix_that_covers_some_paths_of_a_guarded_route_does_not_shadow_it() -> None:
    app = app_with("/static/*")
    app.get("/{tenant}/users", dependencies=READ)(endpoint)
    assert codes(app) == []


def scoped(*scopes: str) -> list[Any]:
    return [Depends(require_scopes(*scopes))]


def says(app: object) -> list[str]:
    return [operation.message for operation in find_problems(list_operations(app))]


def test_scope_that_is_written_less_often_is_the_slip() -> None:
    app = app_with()
    app.get("/a", dependencies=scoped("read:user"))(endpoint)
    app.get("/b", dependencies=scoped("read:users"))(endpoint)
    app.get("/c", dependencies=scoped("read:users", "manage:roles"))(endpoint)
    assert codes(app) == [("misspelt_scope", "read:user")]
    assert says(app) == ["read:user (used once) looks like read:users (2 times)"]


def test_of_two_scopes_that_are_written_equally_often_the_later_is_the_slip() -> None:
    app = app_with()
    app.get("/a", dependencies=scoped("read:user"))(endpoint)
    app.get("/b", dependencies=scoped("read:users"))(endpoint)
    assert says(app) == ["read:users (used once) looks like read:user (once)"]
    assert_guarded(app, allow=["read:users"])


def test_public_path_that_no_route_answers_is_told() -> None:
    app = app_with("/helth", "/health", "/asets/*")
    app.get("/health")(endpoint)
    app.get("/assets/logo")(endpoint)
    told = [code for code in codes(app) if code[0] == "public_unmatched"]
    assert told == [("public_unmatched", "/helth"), ("public_unmatched", "/asets/*")]
    assert "no route answers the public path /helth" in says(app)


def test_exact_public_path_of_a_guarded_route_shadows_it() -> None:
    app = app_with("/users/me")
    app.get("/users/{name}", dependencies=READ)(endpoint)
    assert codes(app) == [("public_shadows", "/users/me")]
    assert says(app) == ["the public path /users/me covers GET /users/{name}, which requires more"]


def test_public_path_of_one_method_shadows_the_other_methods_of_later_routes() -> None:
    app = app_with("/users/me")
    app.get("/users/me")(endpoint)
    app.post("/users/{name}", dependencies=READ)(endpoint)
    assert codes(app) == [("public_shadows", "/users/me")]


def test_public_path_that_a_mount_takes_shadows_nothing_after_it() -> None:
    async def bare(scope: Scope, receive: Receive, send: Send) -> None: ...

    app = app_with("/users/me")
    app.mount("/users", bare)
    app.get("/users/me", dependencies=READ)(endpoint)
    assert codes(app) == [("no_scope", "ANY /users/{path}")]


def test_findings_come_with_the_gravest_first_and_each_with_its_remedy() -> None:
    app = FastAPI(openapi_url=None)
    app.mount("/in", app_with("/nothing"))
    app.get("/open", dependencies=scoped("read:user"))(endpoint)
    app.get("/shut", dependencies=scoped("read:users"))(endpoint)
    found = find_problems(list_operations(app))
    assert [operation.code for operation in found] == [
        "no_guard",
        "no_guard",
        "misspelt_scope",
        "public_unmatched",
    ]
    assert [operation.remedy for operation in found] == [
        REMEDIES[operation.code] for operation in found
    ]


def test_every_finding_that_is_allowed_is_left_out_and_no_other() -> None:
    app = app_with()
    app.get("/me")(endpoint)
    app.post("/me")(endpoint)
    app.get("/x")(endpoint)
    allowed = find_problems(list_operations(app), allow=["POST /me", "/x"])
    assert [operation.subject for operation in allowed] == ["GET /me"]


def test_name_that_begins_with_the_other_is_a_slip_of_one_letter_only() -> None:
    assert are_alike("read:users", "read:userss")
    assert not are_alike("read:users", "read:users_all")
    assert not are_alike("read:users", "xread:userss")


def test_short_names_are_no_slips_of_each_other() -> None:
    assert not are_alike("read", "reed")
    assert are_alike("reads", "reeds")


def test_letters_that_changed_places_are_a_slip_only_if_the_rest_is_the_same() -> None:
    assert are_alike("read:users", "raed:users")
    assert not are_alike("read:users", "raed:roles")
    assert not are_alike("read:users", "rdae:users")


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/users/7", "GET /users/{number}"),
        ("HEAD", "/users/7", None),
        ("POST", "/users/7", "POST /users/{number}"),
        ("DELETE", "/users/7", None),
        ("WS", "/users/7", None),
        ("WS", "/feed", "WS /feed"),
        ("GET", "/feed", None),
        ("GET", "/static/logo.svg", "GET /static/{path}"),
        ("WS", "/static/logo.svg", None),
        ("PATCH", "/other/x", "ANY /other/{path}"),
        ("GET", "/", None),
    ],
)
def test_request_is_answered_by_the_first_operation_that_takes_it(
    method: str, path: str, name: str | None, tmp_path: Path
) -> None:
    async def bare(scope: Scope, receive: Receive, send: Send) -> None: ...

    app = FastAPI(openapi_url=None)
    app.get("/users/{number}")(endpoint)
    app.post("/users/{number}")(endpoint)
    app.websocket("/feed")(endpoint)
    app.mount("/static", StaticFiles(directory=tmp_path))
    app.mount("/other", bare)
    found = answering(iter_operations(app), method, path)
    assert (None if found is None else found.name) == name


def test_methods_that_earlier_routes_take_from_a_public_path_add_up() -> None:
    app = app_with("/users/me")
    app.get("/users/me")(endpoint)
    app.post("/users/me")(endpoint)
    app.get("/users/{name}", dependencies=READ)(endpoint)
    assert codes(app) == []


def test_prefix_of_a_mounted_guard_shadows_what_lies_below_its_mount() -> None:
    inner = app_with("/users/*")
    inner.get("/users/{name}", dependencies=READ)(endpoint)
    app = FastAPI(openapi_url=None)
    app.mount("/v1", inner)
    assert codes(app) == [("public_shadows", "/users/*")]
