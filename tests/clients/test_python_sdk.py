"""What only kinde-python-sdk does: it reads the discovery document and introspects tokens."""

from __future__ import annotations

from typing import Any

import pytest

from kinde_guard.local import AUDIENCE, LocalKinde
from tests.clients.real_clients import WRONG_SECRET, Runtime, claims, credentials, manager


@pytest.fixture(scope="module")
def good(python: Runtime, kinde: LocalKinde) -> str:
    """A token for the Management API."""
    return kinde.token(
        ["read:apis"],
        audience=kinde.management_audience,
        client_id=manager(kinde).client_id,
    )


@pytest.fixture(scope="module")
def told(python: Runtime, kinde: LocalKinde, good: str) -> Any:
    return python.run(
        "oauth_python_sdk.py",
        kinde,
        management=credentials(manager(kinde)),
        audience=AUDIENCE,
        wrong_secret=WRONG_SECRET,
        tokens={
            "good": good,
            "forged": kinde.forged_token(["read:apis"]),
            "expired": kinde.token(["read:apis"], expires_in=-60),
            "no_token": "x",
        },
    )


def test_it_finds_the_endpoints_by_discovery(told: Any, kinde: LocalKinde) -> None:
    # Where it cannot read the document it says nothing, and guesses another user profile.
    assert told["endpoints"] == {
        "auth_url": f"{kinde.issuer}/oauth2/auth",
        "token_url": f"{kinde.issuer}/oauth2/token",
        "logout_url": f"{kinde.issuer}/logout",
        "userinfo_url": f"{kinde.issuer}/oauth2/v2/user_profile",
    }


def test_it_uses_a_token_that_introspection_finds_active(
    told: Any, kinde: LocalKinde, good: str
) -> None:
    assert told["introspected"]["good"] == {
        "heard": {
            "active": True,
            "aud": [kinde.management_audience],
            "client_id": manager(kinde).client_id,
            "exp": claims(good)["exp"],
            "iat": claims(good)["iat"],
        },
        "is_used": True,
    }


@pytest.mark.parametrize("name", ["forged", "expired", "no_token"])
def test_it_will_not_use_a_token_that_is_not_active(told: Any, name: str) -> None:
    assert told["introspected"][name] == "Token is inactive or invalid"
