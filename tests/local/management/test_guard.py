"""The guard of the Management API: its own tenant's tokens, by the keys of this moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from kinde_guard.local import Tenant
from kinde_guard.local.management import management_app
from tests.local.management.callers import ISSUER, NOW, Caller, errors


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """A tenant of one test alone. No proxy may come between it and its own keys."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    app = FastAPI()
    with Tenant.open(ISSUER, clock=lambda: NOW) as tenant:
        app.mount("/api/v1", management_app(tenant))
        with TestClient(app, base_url=ISSUER) as http:
            yield Caller(http, tenant)


def status(caller: Caller) -> int:
    return int(caller.ask("GET", "/apis").status_code)


@pytest.mark.parametrize(
    "audience",
    [
        f"{ISSUER}/api",
        f"{ISSUER}/api/v1",
        "https://127.0.0.1:8787/api",
        "https://http://127.0.0.1:8787/api",
    ],
)
def test_every_spelling_of_its_audience_is_taken(anybody: Caller, audience: str) -> None:
    assert status(anybody.with_scopes(["read:apis"], audience)) == 200


def test_a_token_for_another_api_is_401(anybody: Caller) -> None:
    answer = anybody.with_scopes(["read:apis"], "https://api.demo.example").ask("GET", "/apis")

    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "WRONG_AUDIENCE"
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_token_that_has_expired_by_the_tenants_clock_is_401(anybody: Caller) -> None:
    caller = anybody.with_scopes(["read:apis"], exp=NOW - 6)
    assert caller.ask("GET", "/apis").json() == errors(
        "EXPIRED_TOKEN", "The access token has expired."
    )


def test_a_forged_token_is_401(anybody: Caller, tenant: Tenant) -> None:
    forged = Caller(anybody.http, tenant, tenant.keys.forge({"iss": ISSUER}))
    assert forged.ask("GET", "/apis").json()["errors"][0]["code"] == "INVALID_SIGNATURE"


def test_keys_that_were_withdrawn_are_refused_with_the_next_request(own: Caller) -> None:
    former = own.with_scopes(["read:apis"])
    assert [status(former), status(former)] == [200, 200]
    own.tenant.rotate_keys(keep_old=False)
    assert status(former) == 401
    assert status(own.with_scopes(["read:apis"])) == 200
    assert status(former) == 401


def test_keys_that_were_kept_go_on_serving(own: Caller) -> None:
    former = own.with_scopes(["read:apis"])
    for _ in range(3):
        own.tenant.rotate_keys(keep_old=True)
        assert status(former) == 200
        assert status(own.with_scopes(["read:apis"])) == 200


def test_a_bad_token_is_refused_where_none_is_needed(anybody: Caller, tenant: Tenant) -> None:
    bad = Caller(anybody.http, tenant, "bad")
    assert bad.ask("POST", "/api_keys/verify", {"api_key": "x"}).status_code == 401


def test_a_database_that_is_busy_is_503(own: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy() -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(own.tenant.store, "apis", busy)
    answer = own.with_scopes(["read:apis"]).ask("GET", "/apis")

    assert answer.status_code == 503
    assert answer.json() == errors("BUSY", "The database is in use; try again")
    assert "retry-after" not in answer.headers
