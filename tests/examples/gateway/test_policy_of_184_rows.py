"""The gateway with Kinde's own Management API as its policy: every row answers as it says."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from kinde_guard.local import LocalKinde
from tests.examples.gateway.conftest import Gateway
from tests.examples.gateway.internal_api import InternalApi

POLICY = Path(__file__).parents[3] / "examples" / "management_scopes.csv"


class Row(NamedTuple):
    method: str
    path: str
    scope: str
    operation_id: str


with POLICY.open(newline="") as lines:
    ROWS = [Row(*row) for row in list(csv.reader(lines))[1:]]
EVERY_SCOPE = sorted({row.scope for row in ROWS if row.scope})


@pytest.fixture(scope="module")
def http(start_gateway: Gateway) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=start_gateway(POLICY), timeout=10) as client:
        yield client


def test_policy_has_184_rows_one_of_them_without_a_scope() -> None:
    assert len(ROWS) == 184
    assert [row.operation_id for row in ROWS if not row.scope] == ["verifyApiKey"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operation_id)
def test_row_answers_401_403_and_200(
    row: Row, http: httpx.Client, kinde: LocalKinde, api: InternalApi
) -> None:
    path = re.sub(r"\{(\w+)\}", r"some_\1", row.path)

    nobody = http.request(row.method, path)
    assert (nobody.status_code, nobody.json()["reason"]) == (401, "missing_token")

    others = [scope for scope in EVERY_SCOPE if scope != row.scope]
    poor = http.request(row.method, path, headers=kinde.authorization(others))
    if row.scope:
        assert (poor.status_code, poor.json()["required_scopes"]) == (403, [row.scope])
        assert api.received == []

    scopes = [row.scope] if row.scope else []
    api.received.clear()
    good = http.request(row.method, path, headers=kinde.authorization(scopes))
    assert (good.status_code, good.json()) == (200, {"method": row.method, "body": 0})
    (received,) = api.received
    assert (received.method, received.target.decode()) == (row.method, path)
    assert received.values("authorization") == []
