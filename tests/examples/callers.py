"""Who calls the users API in the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from kinde_guard.local import LocalKinde

ADA = {"name": "Ada Lovelace", "email": "ada@example.com"}
GRACE = {"name": "Grace Hopper", "email": "grace@example.com"}


@dataclass(frozen=True)
class Caller:
    kinde: LocalKinde
    http: httpx.Client

    def __call__(
        self, method: str, path: str, *, scopes: list[str] | None = None, **request: Any
    ) -> httpx.Response:
        headers = self.kinde.authorization(scopes)
        return self.http.request(method, path, headers=headers, **request)

    def create(self, user: dict[str, str]) -> int:
        answer = self("POST", "/users", json=user)
        assert answer.status_code == 201
        user_id: int = answer.json()["id"]
        return user_id
