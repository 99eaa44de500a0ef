"""Who calls the Management API in these tests: HTTP with a token of chosen scopes."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from starlette.testclient import TestClient

from kinde_guard.local import Tenant, management
from kinde_guard.local.claims import Validity, machine_claims

ISSUER: Final = "http://127.0.0.1:8787"
AUDIENCE: Final = f"{ISSUER}/api"
NOW: Final = 1_780_000_000
NOW_TEXT: Final = "2026-05-28T20:26:40Z"

TABLE: Final = Path(management.__file__).with_name("management_scopes.csv")
"""Kinde's table, read here without the code under test."""

ROUTE_NOT_FOUND: Final = {
    "errors": {
        "code": "ROUTE_NOT_FOUND",
        "message": "The requested API route does not exist",
    }
}
OK: Final = {"code": "OK", "message": "Success"}


def table() -> list[dict[str, str]]:
    return list(csv.DictReader(TABLE.read_text().splitlines()))


EVERY_SCOPE: Final = sorted({row["scope"] for row in table()} - {""})


def errors(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message}]}


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, or without one."""

    http: TestClient
    tenant: Tenant
    token: str = ""

    def with_scopes(self, scopes: Iterable[str], audience: str = AUDIENCE, **claims: Any) -> Caller:
        shape = machine_claims(
            ISSUER,
            Validity.starting(NOW, 3600),
            client_id="0" * 32,
            audience=[audience],
            scopes=list(scopes),
        )
        return replace(self, token=self.tenant.keys.sign({**shape, **claims}))

    def with_every_scope(self) -> Caller:
        return self.with_scopes(EVERY_SCOPE)

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Ask below /api/v1; a body is sent as JSON. The answer is the HTTP response."""
        headers = dict(options.pop("headers", {}))
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            options["json"] = body
        return self.http.request(method, f"/api/v1{path}", headers=headers, **options)

    def get(self, path: str, status: int = 200) -> Any:
        return self._body("GET", path, None, status)

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        return self._body("POST", path, body, status)

    def patch(self, path: str, body: Any = None, status: int = 200) -> Any:
        return self._body("PATCH", path, body, status)

    def put(self, path: str, body: Any = None, status: int = 200) -> Any:
        return self._body("PUT", path, body, status)

    def delete(self, path: str, status: int = 200) -> Any:
        return self._body("DELETE", path, None, status)

    def _body(self, method: str, path: str, body: Any, status: int) -> Any:
        answer = self.ask(method, path, body)
        assert (answer.status_code, answer.headers["content-type"]) == (
            status,
            "application/json",
        ), answer.text
        return answer.json()
