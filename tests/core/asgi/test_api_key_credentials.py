"""An API key as the credential of a request: beside tokens, in a header of its own, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import Depends, FastAPI

from kinde_guard import (
    InvalidApiKey,
    InvalidRequest,
    KindeGuard,
    MalformedToken,
    MissingToken,
    require_scopes,
)
from kinde_guard.vocabulary.extensions import PresentedApiKey
from tests.core.conftest import MakeGuard, add_feed
from tests.core.exchange import bearer, call, check_refusal, connect
from tests.mint import Tenant

pytestmark = pytest.mark.anyio

GOOD = "k_good"


@dataclass(frozen=True)
class Identity:
    claims: Mapping[str, Any]
    scopes: frozenset[str]


@dataclass
class OneKey:
    """Knows one good key, and counts what it was asked."""

    header: str | None = "X-API-Key"
    asked: list[bytes] = field(default_factory=list)
    closed: int = 0

    def bind(self, *_: object) -> OneKey:
        return self

    def find_cached(self, key: bytes) -> None:
        return None

    async def verify(self, key: bytes) -> Identity:
        self.asked.append(key)
        if key != GOOD.encode():
            raise InvalidApiKey
        return Identity({"key_id": "key_1"}, frozenset({"read:users"}))

    async def aclose(self) -> None:
        self.closed += 1


@pytest.fixture
def keys() -> OneKey:
    return OneKey()


@pytest.fixture
def keyed(make_guard: MakeGuard, keys: OneKey) -> KindeGuard:
    return make_guard(api_keys=keys)


@pytest.fixture
def app(keyed: KindeGuard) -> FastAPI:
    app = FastAPI()

    @app.get("/users", dependencies=[Depends(require_scopes("read:users"))])
    async def served() -> str:
        return "served"

    add_feed(app)
    keyed.install(app)
    return app


@pytest.mark.parametrize(
    "headers",
    [
        bearer(GOOD),
        {"x-api-key": GOOD},
        {"x-api-key": GOOD, "authorization": "Basic dTpw"},
    ],
)
async def test_good_key_is_let_in(headers: dict[str, str], app: FastAPI, keys: OneKey) -> None:
    assert (await call(app, "/users", headers=headers)).status == 200
    assert keys.asked == [GOOD.encode()]


async def test_good_key_opens_a_websocket(app: FastAPI) -> None:
    assert (await connect(app, subprotocols=["bearer", GOOD])).accepted
    assert (await connect(app, headers={"x-api-key": GOOD})).accepted


@pytest.mark.parametrize("headers", [bearer("k_other"), {"x-api-key": "k_other"}])
async def test_key_that_is_not_good_is_rejected(headers: dict[str, str], app: FastAPI) -> None:
    check_refusal(await call(app, "/users", headers=headers), InvalidApiKey)


@pytest.mark.parametrize(
    "pairs",
    [
        [("x-api-key", GOOD), ("authorization", f"Bearer {GOOD}")],
        [("x-api-key", GOOD), ("authorization", "Bearer a.b.c")],
        [("x-api-key", GOOD), ("x-api-key", GOOD)],
    ],
)
async def test_several_credentials_are_an_invalid_request(
    pairs: list[tuple[str, str]], app: FastAPI, keys: OneKey
) -> None:
    check_refusal(await call(app, "/users", headers=pairs), InvalidRequest)
    assert keys.asked == []


async def test_token_is_verified_beside_api_keys(
    app: FastAPI, tenant: Tenant, keys: OneKey
) -> None:
    assert (await call(app, "/users", token=tenant.token("read:users"))).status == 200
    assert keys.asked == []


async def test_key_is_no_credential_where_none_are_accepted(make_guard: MakeGuard) -> None:
    app = FastAPI()
    make_guard().install(app)
    check_refusal(await call(app, headers=bearer(GOOD)), MalformedToken)
    check_refusal(await call(app, headers={"x-api-key": GOOD}), MissingToken)


async def test_verify_takes_a_key_and_gives_its_token(keyed: KindeGuard) -> None:
    token = await keyed.verify(GOOD)
    assert (token.kind, token.raw) == ("api_key", "")
    assert token.scopes == frozenset({"read:users"})
    with pytest.raises(InvalidApiKey):
        await keyed.verify("\ud800")


async def test_closing_the_guard_closes_what_verifies_keys(keyed: KindeGuard, keys: OneKey) -> None:
    await keyed.aclose()
    assert keys.closed == 1


def test_document_names_the_header_and_the_answer_to_many_unknown_keys(app: FastAPI) -> None:
    document = app.openapi()
    schemes = document["components"]["securitySchemes"]
    headers = [each for each in schemes.values() if each["type"] == "apiKey"]
    assert [(each["in"], each["name"].lower()) for each in headers] == [("header", "x-api-key")]
    assert "429" in document["paths"]["/users"]["get"]["responses"]


def test_credential_shows_no_key() -> None:
    assert GOOD not in repr(PresentedApiKey(GOOD.encode()))
