"""Without TLS, for convenience: the clients that can do without it work there too.

kinde-python-sdk and kinde-node-express insist on https.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kinde_guard.local import AUDIENCE, LocalKinde
from tests.clients.real_clients import WRONG_SECRET, Runtime, claims, credentials, manager


@pytest.fixture
def plain(node: Runtime) -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde


def test_management_api_js_grants_a_scope(node: Runtime, plain: LocalKinde) -> None:
    told = node.run(
        "management_api_js.mjs",
        plain,
        management=credentials(manager(plain)),
        caller=credentials(plain.applications[1]),
        wrong_secret=WRONG_SECRET,
        audience="https://api.orders.example",
    )
    assert claims(told["work"]["tokens"]["granted"])["scope"] == "read:orders"
    assert claims(told["delegation"]["token"])["aud"] == [f"{plain.issuer}/api"]


def test_typescript_sdk_asks_for_a_token(node: Runtime, plain: LocalKinde) -> None:
    told = node.run(
        "typescript_sdk.mjs",
        plain,
        credentials=credentials(plain.applications[1]),
        wrong_secret=WRONG_SECRET,
        asked={"all": {"audience": AUDIENCE}},
        refused={},
    )
    assert claims(told["tokens"]["all"])["scope"] == "read:users read:roles"


def test_jwt_validator_checks_the_signature(node: Runtime, plain: LocalKinde) -> None:
    tokens = {"good": plain.token(), "forged": plain.forged_token()}
    told = node.run("jwt_validator.mjs", plain, tokens=tokens, webhooks={})
    verdicts = {name: found["valid"] for name, found in told["validated"].items()}
    assert verdicts == {"good": True, "forged": False}
