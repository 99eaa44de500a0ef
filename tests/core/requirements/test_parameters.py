"""A dependency of the guard takes nothing from the request but the connection.

Older versions of FastAPI take a parameter whose annotation is a string for one of the query, here
too, where the annotations of the handlers name local variables.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from kinde_guard import (
    KindeGuard,
    current_token,
    kinde_webhook,
    optional_token,
    require_any_role,
    require_any_scope,
    require_feature,
    require_operation_scope,
    require_org,
    require_permissions,
    require_roles,
    require_scopes,
    require_token,
)
from tests.core.conftest import MakeGuard
from tests.core.exchange import call
from tests.mint import Tenant

DEPENDENCIES = {
    "require_scopes": require_scopes("a"),
    "require_any_scope": require_any_scope("a", "b"),
    "require_token": require_token(),
    "current_token": current_token,
    "optional_token": optional_token,
    "require_permissions": require_permissions("a"),
    "require_org": require_org("org"),
    "require_operation_scope": require_operation_scope(),
    "require_roles": require_roles("a"),
    "require_any_role": require_any_role("a", "b"),
    "require_feature": require_feature("a"),
}
KINDS = ["query_params", "header_params", "cookie_params", "body_params"]


def all_of(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from all_of(each)


def check_no_parameters(app: FastAPI, path: str, *, documents_body: bool = False) -> None:
    routes = [each for each in app.routes if isinstance(each, APIRoute) and each.path == path]
    for route in routes:
        for dependant in all_of(route.dependant):
            assert [getattr(dependant, kind) for kind in KINDS] == [[], [], [], []]
    for operation in app.openapi()["paths"][path].values():
        assert "parameters" not in operation
        assert ("requestBody" in operation) is documents_body
        assert "422" not in operation["responses"]


@pytest.mark.parametrize("name", DEPENDENCIES)
def test_route_gains_no_parameter_from_a_requirement(name: str, guard: KindeGuard) -> None:
    dependency: Any = DEPENDENCIES[name]
    path = "/{org}/users" if name == "require_org" else "/users"
    app = FastAPI()

    @app.get(path, dependencies=[Depends(dependency), Security(dependency, scopes=["openid"])])
    async def handler(taken: Annotated[Any, Depends(dependency)]) -> None: ...

    guard.install(app)
    check_no_parameters(app, path)


def test_route_gains_no_parameter_from_a_webhook(make_guard: MakeGuard) -> None:
    guard = make_guard(public_paths=["POST /hooks"])
    app = FastAPI()

    @app.get("/hooks")
    async def handler(event: Annotated[Any, Depends(kinde_webhook(guard))]) -> None: ...

    guard.install(app)
    check_no_parameters(app, "/hooks", documents_body=True)


@pytest.mark.anyio
async def test_query_cannot_speak_for_the_connection(guard: KindeGuard, tenant: Tenant) -> None:
    app = FastAPI()

    @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
    async def handler() -> str:
        return "served"

    guard.install(app)
    query = b"connection=x&security_scopes=&scopes=read:users"
    assert (await call(app, "/users", query_string=query)).status == 401
    poor = await call(app, "/users", token=tenant.token(), query_string=query)
    assert poor.status == 403
    good = await call(app, "/users", token=tenant.token("read:users"), query_string=query)
    assert good.status == 200
