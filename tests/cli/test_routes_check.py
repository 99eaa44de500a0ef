"""``assert_guarded``: the findings of ``routes --check`` in one line of a test."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Host

from kinde_guard import (
    KindeGuard,
    KindeGuardMiddleware,
    require_operation_scope,
    require_scopes,
    require_token,
)
from kinde_guard.route_check import answering, are_alike, assert_guarded, findings
from kinde_guard.route_walk import routed, walk

ISSUER, AUDIENCE = "acme.kinde.com", "https://api.acme.com"
READ = [Depends(require_scopes("read:users"))]


def app_with(*public: str, **settings: bool) -> FastAPI:
    app = FastAPI()
    KindeGuard(ISSUER, audience=AUDIENCE, public_paths=public, **settings).install(app)  # type: ignore[arg-type]
    return app


async def endpoint() -> None: ...


def codes(app: object) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in findings(walk(app))]


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
        "no_scope: GET /users is not public and asks for no scope: any token will do; "
        "add Depends(require_scopes(...)), or name the path in public_paths"
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
    assert {one.path for one in walk(app) if one.is_public} >= {"/v1/health", "/v1/docs"}


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
    operations = list(routed(app))
    found = answering(operations, "HEAD", "/users/7")
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
    told = {one.method: one.needs.scopes for one in walk(app) if one.path == "/users/{id}"}
    assert told == {"GET": ("get:users_id",), "PUT": ("put:users_id",)}


def test_prefix_that_covers_some_paths_of_a_guarded_route_does_not_shadow_it() -> None:
    app = app_with("/static/*")
    app.get("/{tenant}/users", dependencies=READ)(endpoint)
    assert codes(app) == []
