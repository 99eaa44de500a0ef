"""On unverified paths the guard looks at nothing; elsewhere it looks as ever."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI

from kinde_guard import AccessToken, MissingToken, optional_token, require_scopes
from tests.core.conftest import MakeGuard
from tests.core.exchange import call, check_refusal
from tests.mint import KeyServer, Tenant

pytestmark = pytest.mark.anyio

PATHS = ["POST /cron", "/metrics", "/hooks/*"]
SERVED = [("POST", "/cron"), ("GET", "/metrics"), ("HEAD", "/metrics"), ("GET", "/hooks/a/b")]


@pytest.fixture
def app(make_guard: MakeGuard) -> FastAPI:
    app = FastAPI()

    @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST"])
    async def served(token: Annotated[AccessToken | None, Depends(optional_token)]) -> bool:
        return token is not None

    make_guard(unverified_paths=PATHS).install(app)
    return app


@pytest.mark.parametrize(("method", "path"), SERVED)
@pytest.mark.parametrize("value", ["Bearer a secret", "Bearer", "Bearer a.b.c", "Basic x", None])
async def test_nothing_that_comes_is_looked_at(
    method: str, path: str, value: str | None, app: FastAPI, key_server: KeyServer
) -> None:
    headers = {} if value is None else {"authorization": value}
    assert (await call(app, path, method=method, headers=headers)).status == 200


async def test_several_credentials_are_not_the_guards(app: FastAPI) -> None:
    pairs = [("authorization", "Bearer a"), ("authorization", "Bearer b")]
    assert (await call(app, "/metrics", headers=pairs)).status == 200


async def test_good_token_gives_no_access_token(app: FastAPI, tenant: Tenant) -> None:
    assert (await call(app, "/metrics", token=tenant.token("a"))).json is False


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/cron"), ("GET", "/metrics/x"), ("GET", "/")]
)
async def test_other_paths_and_methods_need_a_token(method: str, path: str, app: FastAPI) -> None:
    check_refusal(await call(app, path, method=method), MissingToken)


async def test_route_that_requires_a_token_there_has_none_to_be_had(
    make_guard: MakeGuard, tenant: Tenant
) -> None:
    app = FastAPI()

    @app.get("/metrics", dependencies=[Depends(require_scopes("read"))])
    async def served() -> None:
        """Never called."""

    make_guard(unverified_paths=["/metrics"]).install(app)
    check_refusal(await call(app, "/metrics", token=tenant.token("read")), MissingToken)
