"""What the fuzz found, each with a test of its own, so that it stays mended."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from kinde_guard import MalformedToken, verify_signature
from kinde_guard.keys import KeySet
from tests.attack.differential.stage import EVERYTHING, Stage, claims_of
from tests.mint import ISSUER, compact

pytestmark = pytest.mark.anyio


def _token(stage: Stage, **header: Any) -> str:
    key = stage.keys.ec_256
    return compact({"alg": key.alg, "kid": key.kid, **header}, claims_of(ISSUER, Random(0)), key)


@pytest.mark.parametrize("b64", [False, None, 0, 1, "false", "true", [], {}], ids=repr)
async def test_payload_that_is_declared_to_be_no_base64url_is_not_read_as_such(
    stage: Stage, b64: Any
) -> None:
    # RFC 7797, section 7: no token uses that option. PyJWT and joserfc refused it, the guard let
    # it in and read the payload as base64url all the same.
    guard = stage.guard(EVERYTHING)
    with pytest.raises(MalformedToken):
        await guard.verify(_token(stage, b64=b64))
    keys = KeySet.from_jwks(stage.documents[ISSUER])
    with pytest.raises(MalformedToken):
        verify_signature(_token(stage, b64=b64), keys, ["ES256"])


async def test_payload_that_is_declared_to_be_base64url_is_read(stage: Stage) -> None:
    token = await stage.guard(EVERYTHING).verify(_token(stage, b64=True))
    assert token.claims == claims_of(ISSUER, Random(0))
