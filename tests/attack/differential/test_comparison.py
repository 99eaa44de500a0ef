"""The comparison tells of a guard that is wrong, in each of the ways in which one can be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kinde_guard import AccessToken, InvalidSignature
from tests.attack.differential.comparison import Comparison, Specimen
from tests.attack.differential.oracles import Verdict, standing_still
from tests.attack.differential.stage import EVERYTHING, EXPECTATIONS, Stage
from tests.mint import AUDIENCE

pytestmark = pytest.mark.anyio

Decision = AccessToken | Exception


class WrongGuard:
    """Decides as it is told, call by call."""

    def __init__(self, *decisions: Decision) -> None:
        self._decisions = iter(decisions)

    async def verify(self, raw: str | bytes) -> AccessToken:
        decision = next(self._decisions)
        if isinstance(decision, Exception):
            raise decision
        return decision


@pytest.fixture(autouse=True)
def _still(stage: Stage) -> Iterator[None]:
    with standing_still(stage.clock):
        yield


def _comparison(stage: Stage, *decisions: Decision) -> Comparison:
    comparison = Comparison(stage)
    guard: Any = WrongGuard(*decisions)
    comparison._guards = dict.fromkeys(EXPECTATIONS, guard)
    return comparison


def _told(comparison: Comparison) -> list[str]:
    return [finding.what for finding in comparison.tally.findings]


def _good(stage: Stage) -> Specimen:
    return Specimen(stage.good[0], EVERYTHING)


async def test_guard_that_raises_something_else_is_told(stage: Stage) -> None:
    comparison = _comparison(stage, KeyError("kid"))
    assert await comparison.judge(_good(stage)) is None
    assert _told(comparison) == ["the guard raised KeyError('kid')"]


async def test_guard_that_refuses_a_good_token_is_told(stage: Stage) -> None:
    comparison = _comparison(stage, InvalidSignature(), InvalidSignature())
    await comparison.judge(_good(stage))
    assert _told(comparison) == [
        "the guard refuses (invalid_signature) what PyJWT lets in",
        "the guard refuses (invalid_signature) what joserfc lets in",
    ]


async def test_guard_that_lets_a_forged_token_in_is_told(stage: Stage) -> None:
    token = AccessToken({"aud": AUDIENCE})
    comparison = _comparison(stage, token, token)
    await comparison.judge(Specimen(stage.good[0][:-8] + "AAAAAAAA", EVERYTHING))
    assert _told(comparison) == [
        "the guard lets in what PyJWT refuses (InvalidSignatureError)",
        "the guard lets in what joserfc refuses (InvalidKeyIdError)",
    ]


async def test_guard_that_reads_other_claims_is_told(stage: Stage) -> None:
    token = AccessToken({"exp": 1.0})
    comparison = _comparison(stage, token, token)
    await comparison.judge(_good(stage))
    assert [what.partition(" reads {")[0] for what in _told(comparison)] == ["PyJWT", "joserfc"]
    assert all(what.endswith('where the guard reads {"exp": 1.0}') for what in _told(comparison))


async def test_guard_that_changes_its_mind_is_told(stage: Stage) -> None:
    good = await stage.guard(EVERYTHING).verify(stage.good[0])
    comparison = _comparison(stage, good, InvalidSignature(), InvalidSignature())
    verdict = await comparison.judge(_good(stage))
    assert _told(comparison) == ["the second time it is decided otherwise"]
    await comparison.confirm(_good(stage), verdict or Verdict(None))
    assert _told(comparison)[1:] == ["a guard with another past decides otherwise"]


async def test_guard_whose_scopes_are_not_in_the_claims_is_told(stage: Stage) -> None:
    # A cache may keep both apart, and mix them up.
    token = AccessToken({"scope": "read:users"}, scope_claims=("scp",))
    comparison = _comparison(stage, token)
    await comparison.judge(_good(stage))
    assert _told(comparison) == [
        "the guard raised ValueError('the scopes are not those of the claims')"
    ]
