"""Tampered tokens by the thousand: the guard, PyJWT and joserfc differ by written rules alone.

20,000 tokens by default and a million with ``KINDE_GUARD_NIGHTLY`` set. A failure names its seed
and its token; ``KINDE_GUARD_FUZZ_SEED`` and the command in :mod:`fuzz` make them again.
"""

from __future__ import annotations

import os
from secrets import randbits

import pytest

from tests.attack.differential.fuzz import (
    DEFAULT_SEED,
    DEFAULT_TOKENS,
    fuzz,
    problems,
    report,
    with_progress,
)
from tests.attack.differential.mutator import RAW, SIGNATURES, TEXTS, Mutator, named
from tests.attack.differential.stage import Stage
from tests.attack.differential.values import CLAIMS, HEADERS

NIGHTLY_TOKENS = 1_000_000

#: Every refusal that a token alone can bring about.
REASONS = {
    *("malformed_token", "unsupported_algorithm", "unknown_key", "invalid_signature"),
    *("expired_token", "immature_token", "wrong_issuer", "wrong_audience", "invalid_claim"),
}

#: Everything that can be done to a token, by the name that its history gives it.
STEPS = {
    *(f"claim {name!r}" for name in CLAIMS),
    *(f"header {name!r}" for name in HEADERS),
    *(f"{named(text)} of the {place}" for text in TEXTS for place in ("header", "payload")),
    *(named(step) for step in (*SIGNATURES, *RAW)),
    *("the other issuer", "own key in the header", "crit and b64", "no kid"),
    *("HMAC with what everybody knows", "no signature asked for"),
    *("a key that is published and unfit", "respelt before it was signed"),
}


def _seed(default: int) -> int:
    return int(os.environ.get("KINDE_GUARD_FUZZ_SEED", default))


def test_guard_and_libraries_differ_by_written_rules_alone(
    stage: Stage, nightly: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = _seed(randbits(32) if nightly else DEFAULT_SEED)
    numbers = range(NIGHTLY_TOKENS if nightly else DEFAULT_TOKENS)
    if nightly:
        with capsys.disabled():
            tally = with_progress(stage, seed, numbers)
            print(report(tally))
    else:
        tally = with_progress(stage, seed, numbers)
    found = problems(tally)
    assert not found, "\n".join(found)
    # A fuzz that refuses everything, or reaches but one check, would find nothing either.
    assert tally.tokens == len(numbers)
    assert tally.accepted >= tally.tokens // 10
    assert set(tally.refused) == REASONS
    assert min(tally.refused.values()) >= tally.tokens // 1000
    assert STEPS - set(tally.history) == set()


def test_seed_and_number_say_what_is_done_to_a_token(stage: Stage) -> None:
    first, second = Mutator(stage, 1), Mutator(stage, 1)
    histories = [first.specimen(number).history for number in range(200)]
    assert [second.specimen(number).history for number in range(200)] == histories
    assert [Mutator(stage, 2).specimen(number).history for number in range(200)] != histories


@pytest.mark.anyio
async def test_a_difference_without_a_rule_is_told_with_its_token(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.attack.differential.comparison.RULES", ())
    tally = await fuzz(stage, DEFAULT_SEED, range(200))
    assert tally.findings
    told = problems(tally)[0]
    finding = tally.findings[0]
    assert repr(finding.specimen.raw) in told
    assert f"seed {DEFAULT_SEED}, token " in told
    assert "the guard refuses" in "\n".join(map(str, tally.findings))
    assert "the guard lets in" in "\n".join(map(str, tally.findings))
