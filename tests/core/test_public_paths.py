"""Paths that need no token, and all the spellings that are other paths."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.applications import Starlette

from kinde_guard import KindeGuard, KindeGuardMiddleware, MissingToken
from kinde_guard.asgi.public_paths import route_path
from tests.core.conftest import MakeGuard
from tests.core.exchange import call, check_refusal
from tests.mint import Tenant

pytestmark = pytest.mark.anyio


def everywhere() -> FastAPI:
    """An app that answers 200 to every path, so that only the guard says no."""
    app = FastAPI(openapi_url=None)

    @app.get("/{rest:path}")
    async def anything(request: Request, rest: str) -> str:
        return rest

    return app


async def is_public(guard: KindeGuard, path: str, **scope: Any) -> bool:
    app = everywhere()
    guard.install(app)
    answer = await call(app, path, **scope)
    if answer.status == 401:
        check_refusal(answer, MissingToken)
        return False
    assert answer.status == 200
    return True


async def test_nothing_is_public_by_default(guard: KindeGuard) -> None:
    for path in ("/", "/health", "/users", "/docs-of-mine"):
        assert not await is_public(guard, path)


async def test_exact_path_is_public(make_guard: MakeGuard) -> None:
    assert await is_public(make_guard(public_paths=("/health", "/ready")), "/ready")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health/",
        "/health/deep",
        "/healthy",
        "/health.json",
        "/HEALTH",
        "/Health",
        "//health",
        "/x/health",
        "/health;x=1",
        "/health%2f",
        "/health\\",
        "/health ",
        "/health\x00",
        "/health\n",
        "/health/../users",
        "/users/../health",
        "/./health",
        "/health/.",
        "health",
    ],
)
async def test_another_spelling_than_the_exact_path_needs_a_token(
    path: str, make_guard: MakeGuard
) -> None:
    assert not await is_public(make_guard(public_paths=("/health",)), path)


@pytest.mark.parametrize("path", ["/assets", "/assets/", "/assets/logo.svg", "/assets/a/b/c.css"])
async def test_prefix_and_everything_below_it_is_public(path: str, make_guard: MakeGuard) -> None:
    assert await is_public(make_guard(public_paths=("/assets/*",)), path)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/assetsx",
        "/assets.html",
        "/ASSETS/logo.svg",
        "/x/assets/logo.svg",
        "/assets/..",
        "/assets/../users",
        "/assets/x/../../users",
        "/assets/./users",
        "/assets/.",
        "/assets//users",
        "//assets/x",
        "/assets/..\\users",
        "/assets\\..\\users",
        "/assets/%2e%2e/users",
        "/assets/%2e%2e%2fusers",
        "/assets/x%00",
        "/assets/%",
        "/assets/..;/users",
        "/assets/..;x=1/users",
        "/assets/.;/users",
        "/assets/x/..;",
        "/assets/x\ufffd",
    ],
)
async def test_path_that_might_lead_out_of_the_prefix_needs_a_token(
    path: str, make_guard: MakeGuard
) -> None:
    assert not await is_public(make_guard(public_paths=("/assets/*",)), path)


async def test_query_does_not_make_a_path_public(make_guard: MakeGuard) -> None:
    guard = make_guard(public_paths=("/health",))
    assert not await is_public(guard, "/users", query_string=b"x=/health")


async def test_raw_path_does_not_make_a_path_public(make_guard: MakeGuard) -> None:
    guard = make_guard(public_paths=("/health",))
    assert not await is_public(guard, "/users", raw_path=b"/health")


async def test_root_as_public_path_is_the_root_alone(make_guard: MakeGuard) -> None:
    guard = make_guard(public_paths=("/",))
    assert await is_public(guard, "/")
    assert not await is_public(make_guard(public_paths=("/",)), "/users")


@pytest.mark.parametrize("path", ["/", "/users", "/a/b/c"])
async def test_slash_star_makes_every_path_public(path: str, make_guard: MakeGuard) -> None:
    assert await is_public(make_guard(public_paths=("/*",)), path)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_public_path_is_public_for_every_method(method: str, make_guard: MakeGuard) -> None:
    app = FastAPI()
    guard = make_guard(public_paths=("/health",))
    app.add_api_route("/health", lambda: "ok", methods=[method])
    guard.install(app)
    assert (await call(app, "/health", method=method)).status == 200


@pytest.mark.parametrize(
    ("path", "root_path"), [("/health", ""), ("/api/health", "/api"), ("/health", "/api")]
)
async def test_public_path_behind_a_root_path_is_public(
    path: str, root_path: str, make_guard: MakeGuard
) -> None:
    guard = make_guard(public_paths=("/health",))
    assert await is_public(guard, path, root_path=root_path)


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ({"path": "/health"}, "/health"),
        ({"path": "/health", "root_path": ""}, "/health"),
        ({"path": "/api/health", "root_path": "/api"}, "/health"),
        ({"path": "/api/", "root_path": "/api"}, "/"),
        ({"path": "/api", "root_path": "/api"}, ""),
        ({"path": "/apidocs", "root_path": "/api"}, "/apidocs"),
        ({"path": "/health", "root_path": "/api"}, "/health"),
        ({"path": "/a", "root_path": "/api"}, "/a"),
    ],
)
def test_path_of_the_router_has_no_root_path(scope: dict[str, str], path: str) -> None:
    assert route_path(scope) == path


async def test_public_path_that_only_begins_like_the_root_path_is_public(
    make_guard: MakeGuard,
) -> None:
    guard = make_guard(public_paths=("/apidocs",))
    assert await is_public(guard, "/apidocs", root_path="/api")


async def test_public_path_of_an_app_with_a_root_path_is_public(make_guard: MakeGuard) -> None:
    app = FastAPI()
    app.root_path = "/api"
    app.add_api_route("/health", lambda: "ok")
    app.add_api_route("/users", lambda: "ok")
    make_guard(public_paths=("/health",)).install(app)
    for path in ("/health", "/api/health"):
        assert (await call(app, path)).status == 200
    for path in ("/users", "/api/users"):
        assert (await call(app, path)).status == 401


async def test_public_path_of_a_mounted_app_is_written_as_the_outer_app_sees_it(
    make_guard: MakeGuard,
) -> None:
    inner = FastAPI()
    inner.add_api_route("/health", lambda: "ok")
    app = FastAPI()
    app.mount("/inner", inner)
    make_guard(public_paths=("/inner/health",)).install(app)
    assert (await call(app, "/inner/health")).status == 200
    assert (await call(app, "/inner/other")).status == 401


async def test_guard_of_a_mounted_app_reads_public_paths_relative_to_it(
    make_guard: MakeGuard,
) -> None:
    inner = FastAPI()
    inner.add_api_route("/health", lambda: "ok")
    inner.add_api_route("/users", lambda: "ok")
    make_guard(public_paths=("/health",)).install(inner)
    app = FastAPI()
    app.mount("/inner", inner)
    assert (await call(app, "/inner/health")).status == 200
    assert (await call(app, "/inner/users")).status == 401


# --- docs ----------------------------------------------------------------------------------------

DOCS = ["/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json"]


@pytest.mark.parametrize("path", DOCS)
async def test_docs_are_public_after_install(path: str, guard: KindeGuard) -> None:
    app = FastAPI()
    guard.install(app)
    assert (await call(app, path)).status == 200


@pytest.mark.parametrize("path", DOCS)
async def test_docs_need_a_token_with_protect_docs(
    path: str, make_guard: MakeGuard, tenant: Tenant
) -> None:
    app = FastAPI()
    make_guard(protect_docs=True).install(app)
    check_refusal(await call(app, path), MissingToken)
    assert (await call(app, path, token=tenant.token())).status == 200


@pytest.mark.parametrize("path", DOCS)
async def test_docs_need_a_token_under_the_middleware_by_hand(path: str, guard: KindeGuard) -> None:
    app = FastAPI()
    app.add_middleware(KindeGuardMiddleware, guard=guard)
    check_refusal(await call(app, path), MissingToken)


async def test_docs_that_stand_elsewhere_are_public_there_only(guard: KindeGuard) -> None:
    app = FastAPI(docs_url="/help", redoc_url=None, openapi_url="/api.json")
    app.add_api_route("/redoc", lambda: "a route of the app's own")
    guard.install(app)
    assert (await call(app, "/help")).status == 200
    assert (await call(app, "/api.json")).status == 200
    for path in ("/docs", "/redoc", "/openapi.json"):
        check_refusal(await call(app, path), MissingToken)


async def test_app_without_docs_opens_no_path(guard: KindeGuard) -> None:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/docs", lambda: "a route of the app's own")
    guard.install(app)
    check_refusal(await call(app, "/docs"), MissingToken)
    check_refusal(await call(app, "/openapi.json"), MissingToken)


@pytest.mark.parametrize("off", ["docs_url", "redoc_url"])
async def test_route_of_the_app_on_a_docs_path_that_is_off_needs_a_token(
    off: str, guard: KindeGuard
) -> None:
    app = FastAPI(**{off: None})  # type: ignore[arg-type]
    paths = {"docs_url": ["/docs", "/docs/oauth2-redirect"], "redoc_url": ["/redoc"]}[off]
    for path in paths:
        app.add_api_route(path, lambda: "a route of the app's own")
    guard.install(app)
    for path in paths:
        check_refusal(await call(app, path), MissingToken)


async def test_docs_of_one_app_open_nothing_in_another_app_of_the_same_guard(
    guard: KindeGuard,
) -> None:
    documented, plain = FastAPI(docs_url="/help"), FastAPI(openapi_url=None)
    guard.install(documented)
    plain.add_api_route("/help", lambda: "a route of the app's own")
    guard.install(plain)
    check_refusal(await call(plain, "/help"), MissingToken)


async def test_install_changes_no_setting_of_the_guard(guard: KindeGuard) -> None:
    guard.install(FastAPI())
    assert guard.settings.public_paths == ()


async def test_paths_named_docs_in_a_starlette_app_need_a_token(guard: KindeGuard) -> None:
    app = Starlette()
    guard.install(app)
    check_refusal(await call(app, "/docs"), MissingToken)
