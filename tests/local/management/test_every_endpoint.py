"""Each of the 184 endpoints asks for a token, then for its scope, and only then for the rest."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI

from kinde_guard.local.management import Endpoint, endpoints, implemented, not_implemented
from tests.local.management.callers import EVERY_SCOPE, Caller, errors, table

ROWS = table()
GUARDED = [row for row in ROWS if row["scope"]]


def ids(rows: list[dict[str, str]]) -> list[str]:
    return [row["operation_id"] for row in rows]


def path_of(row: dict[str, str]) -> str:
    return re.sub(r"{\w+}", "0", row["path"]).removeprefix("/api/v1")


def test_the_table_is_all_of_kindes() -> None:
    assert [tuple(row) for row in endpoints()] == [tuple(row.values()) for row in ROWS]
    assert len(endpoints()) == 184
    assert len(EVERY_SCOPE) == 149


@pytest.mark.parametrize("row", GUARDED, ids=ids(GUARDED))
def test_without_a_token_is_401(anybody: Caller, row: dict[str, str]) -> None:
    answer = anybody.ask(row["method"], path_of(row), {})

    assert answer.status_code == 401
    assert answer.json() == errors("MISSING_TOKEN", "A bearer access token is required.")
    assert answer.headers["www-authenticate"] == 'Bearer realm="local kinde"'
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("row", GUARDED, ids=ids(GUARDED))
def test_with_every_scope_but_its_own_is_403(anybody: Caller, row: dict[str, str]) -> None:
    caller = anybody.with_scopes(set(EVERY_SCOPE) - {row["scope"]})
    answer = caller.ask(row["method"], path_of(row), {})

    assert answer.status_code == 403
    assert answer.json() == errors(
        "INSUFFICIENT_SCOPE",
        f"The access token lacks a scope that this request needs. Required: {row['scope']}.",
    )
    assert answer.headers["www-authenticate"].endswith(f'scope="{row["scope"]}"')


@pytest.mark.parametrize("row", not_implemented(), ids=lambda row: row.operation_id)
def test_one_that_is_missing_here_is_501_with_its_scope(anybody: Caller, row: Endpoint) -> None:
    path = re.sub(r"{\w+}", "0", row.route)
    answer = anybody.with_scopes([row.scope]).ask(row.method, path)

    assert answer.status_code == 501
    message = f"Local Kinde does not have {row.method} {row.route}"
    assert answer.json() == errors("NOT_IMPLEMENTED", message)


@pytest.mark.parametrize("row", implemented(), ids=lambda row: row.operation_id)
def test_one_that_is_here_does_its_work_with_its_scope(anybody: Caller, row: Endpoint) -> None:
    path = re.sub(r"{\w+}", "0", row.route)
    answer = anybody.with_scopes([row.scope] if row.scope else []).ask(row.method, path)

    # Of nothing that exists, and without a body where one is needed.
    assert answer.status_code in {200, 400, 404}


def test_every_endpoint_is_routed_once(app: FastAPI, anybody: Caller) -> None:
    document = anybody.get("/openapi.json")
    served = [
        (method.upper(), f"/api/v1{path}", operation["operationId"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    assert sorted(served) == sorted(
        (row["method"], row["path"], row["operation_id"]) for row in ROWS
    )


def test_the_document_asks_for_the_scopes_of_the_table(anybody: Caller) -> None:
    document = anybody.get("/openapi.json")
    for row in GUARDED:
        path = row["path"].removeprefix("/api/v1")
        security = document["paths"][path][row["method"].lower()]["security"]
        assert security == [{"KindeBearer": [row["scope"]]}]


def test_what_is_here_and_what_is_not_are_everything() -> None:
    assert {*implemented(), *not_implemented()} == set(endpoints())
    assert len(implemented()) + len(not_implemented()) == 184
