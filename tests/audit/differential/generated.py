"""Applications made by a seed: routers, mounts, WebSockets, docs, public paths, requirements."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Security, WebSocket
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from kinde_guard import (
    KindeGuard,
    KindeGuardMiddleware,
    current_token,
    optional_token,
    require_any_scope,
    require_feature,
    require_operation_scope,
    require_org,
    require_permissions,
    require_roles,
    require_scopes,
    require_token,
)

RAN = "x-ran"
"""The header that names the handler which ran."""

ORGANIZATION = "org_1"
PATHS = ("/", "/a", "/a/b", "/b/{x}", "/docs", "/openapi.json", "/orgs/{org_code}", "/c/d")
PREFIXES = ("/r", "/m", "/m/n")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
PUBLIC = (
    "/a",
    "/b/*",
    "GET /c/d",
    "POST /a",
    "WS /a",
    "/m/*",
    "GET /m/docs",
    "HEAD /a",
    "DELETE /docs",
    "OPTIONS /*",
    "/r/*",
    "POST /m/a",
    "/orgs/org_1",
)
GOOD_CLAIMS = {
    "org_code": ORGANIZATION,
    "permissions": ["p:a", "p:b"],
    "roles": [{"id": "role_1", "key": "admin", "name": "Admin"}],
    "feature_flags": {"beta": {"t": "b", "v": True}},
}

ANYWHERE: tuple[Callable[[], Any], ...] = (
    lambda: Depends(require_scopes("read:a")),
    lambda: Depends(require_scopes("read:a", "read:b")),
    lambda: Depends(require_any_scope("read:b", "read:c")),
    lambda: Depends(require_token()),
    lambda: Depends(optional_token),
    lambda: Depends(current_token),
    lambda: Security(current_token, scopes=["read:c"]),
    lambda: Security(optional_token, scopes=["read:c"]),
    lambda: Depends(require_roles("admin")),
    lambda: Depends(require_permissions("p:a")),
    lambda: Depends(require_feature("beta")),
)
OVERRIDABLE = (
    require_scopes("read:a"),
    require_any_scope("read:b", "read:c"),
    require_roles("admin"),
    require_permissions("p:a"),
    current_token,
)


def concrete(path: str) -> str:
    """Return a path that a template stands for."""
    return path.replace("{x}", "7").replace("{org_code}", ORGANIZATION)


def requests() -> list[tuple[str, str]]:
    """Return every request that is made of an application: method, or ``WS``, and path."""
    prefixes = ("", *PREFIXES, "/m/m", "/r/r")
    paths = dict.fromkeys(f"{prefix}{concrete(path)}" for prefix in prefixes for path in PATHS)
    extra = ("/help", "/v1.json", "/m/v1.json", "/docs/oauth2-redirect")
    return [(method, path) for path in (*paths, *extra) for method in (*METHODS, "WS")]


def handler(name: str, *, body: bool = False) -> Any:
    """Return an endpoint of FastAPI that names itself."""

    async def without_body() -> Response:
        return Response(headers={RAN: name})

    async def with_body(content: Annotated[dict[str, Any], Body()]) -> Response:
        return Response(headers={RAN: name})

    chosen: Any = with_body if body else without_body
    chosen.ran = chosen.__name__ = name
    return chosen


def plain_handler(name: str) -> Any:
    """Return an endpoint of Starlette."""

    async def endpoint(request: Any) -> Response:
        return Response(headers={RAN: name})

    endpoint.ran = name  # type: ignore[attr-defined]
    return endpoint


def websocket_handler(name: str) -> Any:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(name)
        await websocket.close()

    endpoint.ran = name  # type: ignore[attr-defined]
    return endpoint


def bare(name: str) -> ASGIApp:
    """Return an ASGI application that answers everything."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": name})
            await send({"type": "websocket.close"})
            return
        await Response(headers={RAN: name})(scope, receive, send)

    return application


@dataclass
class Generated:
    """An application with everything that it was made of.

    Attributes:
        app: what a server is given.
        inner: the application itself, where it was wrapped by hand.
    """

    app: ASGIApp
    inner: Starlette
    documented: list[tuple[str, FastAPI]] = field(default_factory=list)


class Generator:
    """Makes one application.

    Args:
        random: the source of every choice.
        make_guard: makes a guard; keyword arguments are settings.
    """

    def __init__(self, random: Random, make_guard: Callable[..., KindeGuard]) -> None:
        self._random = random
        self._make_guard = make_guard
        self._number = 0
        self._documented: list[tuple[str, FastAPI]] = []

    def application(self) -> Generated:
        """Return an application with a guard at one of its places."""
        app = self._fastapi(2, "") if self._often() else self._starlette(2, "")
        guarded: ASGIApp = app
        guard = self._guard()
        match self._random.choice(["install", "install", "install", "by hand", "wrap", "both"]):
            case "install":
                guard.install(app)
            case "by hand":
                app.add_middleware(KindeGuardMiddleware, guard=guard)
            case "wrap":
                guarded = KindeGuardMiddleware(app, guard=guard)
            case "both":
                app.add_middleware(KindeGuardMiddleware, guard=guard, public_paths=["/a"])
                guard.install(app)
        return Generated(guarded, app, self._documented)

    def _guard(self) -> KindeGuard:
        return self._make_guard(
            public_paths=self._some(PUBLIC),
            unverified_paths=self._some(PUBLIC) if self._rarely() else (),
            protect_docs=self._rarely(),
        )

    def _fastapi(self, depth: int, prefix: str) -> FastAPI:
        app = FastAPI(
            docs_url=self._random.choice(["/docs", "/docs", "/", None, "/help"]),
            redoc_url=None if self._rarely() else "/redoc",
            openapi_url=self._random.choice(["/openapi.json", "/openapi.json", "/v1.json", None]),
            dependencies=self._dependencies() if self._rarely() else [],
        )
        self._documented.append((prefix, app))
        self._fill(app, "")
        for nested in self._some(("/r", "/r/r"), 1):
            router = APIRouter(dependencies=self._dependencies() if self._rarely() else [])
            self._fill(router, nested)
            more = self._dependencies() if self._rarely() else []
            app.include_router(router, prefix=nested, dependencies=more)
        self._mount(app, depth, prefix)
        if self._random.random() < 0.4:
            self._override(app)
        return app

    def _override(self, app: FastAPI) -> None:
        choices: list[Any] = [lambda: None, require_scopes("read:z"), _nested]
        for replaced in self._random.sample(OVERRIDABLE, 2):
            app.dependency_overrides[replaced] = self._random.choice(choices)

    def _starlette(self, depth: int, prefix: str) -> Starlette:
        app = Starlette()
        for path in self._some(PATHS, 4):
            methods = self._some(METHODS, 2) or None
            app.router.routes.append(Route(path, plain_handler(self._name()), methods=methods))
        for path in self._some(PATHS, 2):
            app.router.routes.append(WebSocketRoute(path, websocket_handler(self._name())))
        self._mount(app, depth, prefix)
        return app

    def _mount(self, app: Starlette, depth: int, prefix: str) -> None:
        if not depth or self._rarely():
            return
        path = self._random.choice(["/m", "/m/n"])
        kind = self._random.choice(["fastapi", "fastapi", "guarded", "starlette", "bare", "router"])
        mounted: ASGIApp
        match kind:
            case "bare":
                mounted = bare(self._name())
            case "starlette":
                mounted = self._starlette(depth - 1, prefix + path)
            case "router":
                inner = self._fastapi(0, f"{prefix}{path}/m")
                app.router.routes.append(Mount(path, routes=[Mount("/m", inner)]))
                return
            case _:
                mounted = inner = self._fastapi(depth - 1, prefix + path)
                if kind == "guarded":
                    self._guard().install(inner)
        app.mount(path, mounted)

    def _fill(self, router: FastAPI | APIRouter, prefix: str) -> None:
        for path in self._some(PATHS, 4):
            methods = self._some(METHODS, 2) or ["GET"]
            body = self._rarely() and not {"GET", "HEAD", "OPTIONS", "DELETE"} & {*methods}
            router.add_api_route(
                path,
                handler(self._name(), body=body),
                methods=list(methods),
                dependencies=self._dependencies(prefix + path),
                include_in_schema=not self._rarely(),
            )
        for path in self._some(PATHS, 2):
            endpoint = websocket_handler(self._name())
            dependencies = self._dependencies(path, websocket=True)
            router.add_api_websocket_route(path, endpoint, dependencies=dependencies)

    def _dependencies(self, path: str = "", *, websocket: bool = False) -> list[Any]:
        menu = list(ANYWHERE)
        if "{org_code}" in path:
            menu += [lambda: Depends(require_org())] * 4
        if path.endswith(("/d", "/a/b", "{x}")) and not websocket:
            menu += [lambda: Depends(require_operation_scope())] * 4
        count = self._random.choice([0, 0, 1, 1, 1, 2])
        return [self._random.choice(menu)() for _ in range(count)]

    def _name(self) -> str:
        self._number += 1
        return f"handler-{self._number}"

    def _some(self, values: tuple[str, ...], most: int = 3) -> tuple[str, ...]:
        return tuple(self._random.sample(values, self._random.randint(0, most)))

    def _rarely(self) -> bool:
        return self._random.random() < 0.25

    def _often(self) -> bool:
        return self._random.random() < 0.85


async def _nested(_: Annotated[Any, Depends(require_scopes("read:z"))]) -> None:
    """Overrides a dependency by one that requires something else."""
