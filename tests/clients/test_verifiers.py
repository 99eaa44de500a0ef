"""Kinde's own verifiers accept local Kinde's tokens and refuse the rest, as they do Kinde's.

What they overlook is asserted too. @kinde/jwt-validator and @kinde/webhooks check little but the
signature, and a stand-in must not look stricter than the real thing.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from kinde_guard.local import AUDIENCE, OMIT, LocalKinde
from tests.clients.real_clients import Runtime

WEBHOOK: Final = {
    "data": {"user": {"id": "kp_1"}},
    "event_id": "event_1",
    "source": "admin",
    "timestamp": "2026-05-01T17:41:45.592145+10:00",
    "type": "user.created",
}
NOT_IN_A_WEBHOOK: Final = dict.fromkeys(
    ("aud", "azp", "exp", "gty", "iat", "iss", "jti", "scope", "scp", "v"), OMIT
)


def webhook(kinde: LocalKinde, **changes: Any) -> str:
    """A webhook's body: signed as tokens are, with none of a token's claims."""
    return kinde.token([], **{**NOT_IN_A_WEBHOOK, **WEBHOOK, **changes})


def tampered(token: str) -> str:
    """The token with another payload under the same signature."""
    header, payload, signature = token.split(".")
    return f"{header}.{payload[:-2]}{'A' if payload[-2] != 'A' else 'B'}{payload[-1]}.{signature}"


@pytest.fixture(scope="module")
def tokens(kinde: LocalKinde) -> dict[str, str]:
    """Tokens by what is the matter with them. The key is rotated twice while they are made."""
    withdrawn = kinde.token(["read:users"])
    kinde.rotate_keys()
    former = kinde.token(["read:users"])
    kinde.rotate_keys(keep_old=True)
    good = kinde.token(["read:users"])
    return {
        "good": good,
        "of_a_user": kinde.user_token(["read:users"]),
        "of_the_former_key": former,
        "of_a_withdrawn_key": withdrawn,
        "forged": kinde.forged_token(["read:users"]),
        "tampered": tampered(good),
        "expired": kinde.token(["read:users"], expires_in=-60),
        "of_another_issuer": kinde.token(["read:users"], iss="https://other.kinde.com"),
        "for_another_audience": kinde.token(["read:users"], audience="https://other.example"),
    }


@pytest.fixture(scope="module")
def told(node: Runtime, kinde: LocalKinde, tokens: dict[str, str]) -> Any:
    webhooks = {
        "good": webhook(kinde),
        "sent": kinde.webhook("user.deleted", data={"user": {"id": "kp_1"}}),
        "tampered": tampered(webhook(kinde)),
        "expired": webhook(kinde, exp=1_700_000_000),
    }
    return node.run("jwt_validator.mjs", kinde, tokens=tokens, webhooks=webhooks)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("good", (True, "Token is valid")),
        ("of_a_user", (True, "Token is valid")),
        ("of_the_former_key", (True, "Token is valid")),
        ("forged", (False, "Signature verification failed")),
        ("tampered", (False, "Signature verification failed")),
        # What it overlooks:
        ("expired", (True, "Token is valid")),
        ("of_another_issuer", (True, "Token is valid")),
        ("for_another_audience", (True, "Token is valid")),
    ],
)
def test_jwt_validator_checks_the_signature(
    told: Any, name: str, verdict: tuple[bool, str]
) -> None:
    found = told["validated"][name]
    assert (found["valid"], found["message"]) == verdict


def test_jwt_validator_refuses_a_withdrawn_key(told: Any) -> None:
    found = told["validated"]["of_a_withdrawn_key"]
    assert found["valid"] is False
    assert found["message"].startswith("JWK not found for kid ")


def test_webhooks_decodes_an_event(told: Any) -> None:
    decoded = dict(told["decoded"])
    sent = decoded.pop("sent")
    assert decoded == {"good": WEBHOOK, "tampered": None, "expired": None}
    assert (sent["type"], sent["data"]) == ("user.deleted", {"user": {"id": "kp_1"}})


def test_node_express_lets_in_only_tokens_for_the_api(
    node: Runtime, kinde: LocalKinde, tokens: dict[str, str]
) -> None:
    asked = {**tokens, "missing": None, "no_token": "x"}
    statuses = node.run("node_express.mjs", kinde, audience=AUDIENCE, tokens=asked)
    # It answers 403 to everything that is wrong, where RFC 6750 says 401.
    good = {"good", "of_a_user", "of_the_former_key"}
    assert statuses == {name: 200 if name in good else 403 for name in asked}
