"""Its tests: what gets in, what does not, and that no route was forgotten."""

from collections.abc import Iterator

import pytest
from examples.testing.app import app
from fastapi.testclient import TestClient
from kinde_guard.local import LocalKinde
from kinde_guard.testing import KindeToken, assert_guarded, trust


@pytest.fixture
def client(local_kinde: LocalKinde) -> Iterator[TestClient]:
    with trust(app, local_kinde), TestClient(app) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_token_with_the_scope_gets_in(client: TestClient, kinde_token: KindeToken) -> None:
    answer = client.get("/users", headers=bearer(kinde_token(scopes=["read:users"])))
    assert answer.json() == ["ada"]


def test_token_without_the_scope_does_not(client: TestClient, kinde_token: KindeToken) -> None:
    answer = client.get("/users", headers=bearer(kinde_token()))
    assert (answer.status_code, answer.json()["required_scopes"]) == (403, ["read:users"])


def test_expired_token_does_not(client: TestClient, kinde_token: KindeToken) -> None:
    expired = kinde_token(scopes=["read:users"], expires_in=-60)
    assert client.get("/users", headers=bearer(expired)).json()["reason"] == "expired_token"


def test_person_does_not_without_permissions_as_scopes(
    client: TestClient, local_kinde: LocalKinde
) -> None:
    answer = client.get("/users", headers=bearer(local_kinde.user_token("ada@example.com")))
    assert answer.status_code == 403


def test_every_route_is_guarded() -> None:
    assert_guarded(app)
