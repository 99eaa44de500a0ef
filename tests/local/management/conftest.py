"""The Management API of a local tenant, called in process, and its callers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from kinde_guard.local import Tenant
from kinde_guard.local.management import management_app
from tests.local.management.callers import ISSUER, NOW, Caller


@pytest.fixture(scope="module")
def tenant() -> Iterator[Tenant]:
    with Tenant.open(ISSUER, clock=lambda: NOW) as tenant:
        yield tenant


@pytest.fixture(scope="module")
def app(tenant: Tenant) -> FastAPI:
    app = FastAPI()
    app.mount("/api/v1", management_app(tenant))
    return app


@pytest.fixture(scope="module")
def anybody(app: FastAPI, tenant: Tenant) -> Iterator[Caller]:
    """Somebody without a token."""
    with TestClient(app, base_url=ISSUER, raise_server_exceptions=False) as http:
        yield Caller(http, tenant)


@pytest.fixture
def admin(anybody: Caller) -> Caller:
    """Somebody who holds every scope."""
    return anybody.with_every_scope()
