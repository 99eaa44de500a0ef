"""A tenant with its console, fresh for every test, and a person in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette

from kinde_guard.local import Application, Store, Tenant
from kinde_guard.local.clock import Clock
from kinde_guard.local.console import console_routes
from kinde_guard.local.management_audience import management_audiences
from kinde_guard.local.store import Api
from kinde_guard.local.stored_keys import StoredKeys
from tests.local.console.person import ISSUER, Person

NOW = 1_780_000_000


@pytest.fixture(scope="session")
def seeded() -> bytes:
    """A new tenant's rows, signing key included: making that key takes longer than a test."""
    with Tenant.open(ISSUER) as tenant:
        assert tenant.keys.current
        return tenant.store.snapshot()


@pytest.fixture
def tenant(seeded: bytes) -> Iterator[Tenant]:
    with Store(management_audiences=management_audiences(ISSUER)) as store:
        store.restore(seeded)
        yield Tenant(ISSUER, store, StoredKeys(store), Clock(lambda: NOW))


@pytest.fixture
def app(tenant: Tenant) -> Starlette:
    return Starlette(routes=console_routes(tenant))


@pytest.fixture
def person(app: Starlette) -> Person:
    return Person(app)


@pytest.fixture
def back_office(tenant: Tenant) -> Application:
    return tenant.store.applications()[0]


@pytest.fixture
def users_api(tenant: Tenant) -> Api:
    return next(api for api in tenant.store.apis() if api.name == "Users API")


@pytest.fixture
def management_api(tenant: Tenant) -> Api:
    return next(api for api in tenant.store.apis() if api.is_management_api)
