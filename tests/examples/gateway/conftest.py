"""The gateway between its callers and an internal API, each in a real server on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from examples.gateway import Upstream, create_app, load_policy
from kinde_guard import KindeGuard
from kinde_guard.local import LocalKinde, LoopbackServer
from tests.examples.gateway.internal_api import InternalApi

POLICY = """method,path,scope
GET,/users,read:users
POST,/users,create:users
GET,/users/me,
GET,/users/{user_id},read:users
PUT,/users/{user_id},update:users
DELETE,/users/{user_id},delete:users
GET,/users/{user_id}/roles,read:roles
GET,/users/admin/keys,read:keys
GET,/files/,read:files
POST,/files/{name},create:files
"""

Gateway = Callable[..., str]


@pytest.fixture(scope="module")
def served_api() -> Iterator[tuple[InternalApi, str]]:
    api = InternalApi()
    server = LoopbackServer(lambda _: api)
    server.start()
    yield api, server.url
    server.stop()


@pytest.fixture
def api(served_api: tuple[InternalApi, str]) -> InternalApi:
    """The internal API, which has received nothing yet."""
    api, _ = served_api
    api.reset()
    return api


@pytest.fixture(scope="module")
def policy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("policy") / "policy.csv"
    file.write_text(POLICY)
    return file


@pytest.fixture(scope="module")
def start_gateway(
    kinde: LocalKinde, served_api: tuple[InternalApi, str], policy_file: Path
) -> Iterator[Gateway]:
    """Start a gateway with the settings given; return its URL."""
    with ExitStack() as running:

        def start(policy: Path = policy_file, **settings: object) -> str:
            upstream = Upstream(httpx.URL(served_api[1]), httpx.AsyncHTTPTransport())
            if "url" in settings:
                settings["url"] = httpx.URL(str(settings["url"]))
            guard = KindeGuard(kinde.issuer, audience=kinde.audience)
            chosen = replace(upstream, **settings)  # type: ignore[arg-type]
            app = create_app(guard, load_policy(policy), chosen)
            server = LoopbackServer(lambda _: app)
            server.start()
            running.callback(server.stop)
            return server.url

        yield start


@pytest.fixture(scope="module")
def shared_url(start_gateway: Gateway) -> str:
    return start_gateway()


@pytest.fixture
def url(shared_url: str, api: InternalApi) -> str:
    """A gateway with the policy above, before an internal API that has received nothing yet."""
    assert api.received == []
    return shared_url
