"""Every written difference between the guard and a library, shown on one token of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.attack.differential.anatomy import Anatomy
from tests.attack.differential.comparison import Comparison, Specimen
from tests.attack.differential.oracles import standing_still
from tests.attack.differential.rules import BOTH, RULES, Rule
from tests.attack.differential.stage import (
    ANY_AUDIENCE,
    CUSTOM_ISSUER,
    EVERYTHING,
    EXPECTATIONS,
    LEEWAY,
    Stage,
    claims_of,
)
from tests.attack.differential.values import nested
from tests.mint import AUDIENCE, ISSUER, NOW, OMIT, SigningKey, as_bytes, b64url, compact, sealed

pytestmark = pytest.mark.anyio


def _token(
    stage: Stage, key: SigningKey | None = None, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    signer = key or stage.keys.ec_256
    members = {"alg": signer.alg, "kid": signer.kid, "typ": "JWT", **(header or {})}
    return compact(members, {**claims_of(ISSUER, Random(0)), **claims}, signer)


def _of_text(stage: Stage, change: Callable[[bytes], bytes]) -> str:
    key = stage.keys.ec_256
    text = change(as_bytes(claims_of(ISSUER, Random(0))))
    return compact({"alg": key.alg, "kid": key.kid}, text, key)


def _padded(stage: Stage) -> str:
    key = stage.keys.ec_256
    claims = claims_of(ISSUER, Random(0))
    notes = ({**claims, "note": "x" * length} for length in range(3))
    payload = next(text for note in notes if len(text := b64url(as_bytes(note))) % 4)
    header = b64url(as_bytes({"alg": key.alg, "kid": key.kid}))
    return sealed(header, payload + "=" * (-len(payload) % 4), key)


def _with(member: str) -> Callable[[bytes], bytes]:
    return lambda text: text[:-1] + b"," + member.encode() + b"}"


#: One token for each rule; those that need another expectation than the usual say so.
SAMPLES: dict[str, Callable[[Stage], str]] = {
    "padded base64url": _padded,
    "JSON in another encoding, or with a byte order mark": lambda stage: _of_text(
        stage, lambda text: text.decode().encode("utf-16")
    ),
    "JSON in another encoding, before the key of the first of several issuers": lambda stage: (
        compact(
            {"alg": stage.keys.custom.alg, "kid": stage.keys.custom.kid},
            as_bytes(claims_of(CUSTOM_ISSUER, Random(0))).decode().encode("utf-16"),
            stage.keys.custom,
        )
    ),
    "a member twice": lambda stage: _of_text(stage, _with('"scope":"write:users"')),
    "NaN, Infinity, or a number that no float holds": lambda stage: _of_text(
        stage, _with('"note":NaN')
    ),
    "half of a surrogate pair": lambda stage: _of_text(stage, _with('"note":"\\ud800"')),
    "nested deeper than 32 levels": lambda stage: _token(stage, note=nested(32)),
    "any crit": lambda stage: _token(stage, header={"crit": ["b64"], "b64": True}),
    "a b64 that is not true": lambda stage: _token(stage, header={"b64": None}),
    "a typ of other tokens": lambda stage: _token(stage, header={"typ": "id+jwt"}),
    "larger than 16,384 bytes": lambda stage: _token(stage, note="x" * 12_000),
    "a date as text or truth value": lambda stage: _token(stage, exp=str(NOW + 60)),
    "a date outside of the years 1 to 9999": lambda stage: _token(stage, exp=253_402_300_800),
    "begins later within this second": lambda stage: _token(stage, nbf=NOW + LEEWAY + 0.5),
    "meant for the issuer": lambda stage: _token(stage, aud=[AUDIENCE, ISSUER]),
    "an audience of the wrong type where any audience will do": lambda stage: _token(stage, aud=5),
    "an azp or org_code that is no string": lambda stage: _token(stage, org_code=None),
    "bound to a key of its holder": lambda stage: _token(stage, cnf={"jkt": "x"}),
    "no key id, though the issuer has but one key": lambda stage: _token(
        stage, stage.keys.custom, {"kid": OMIT}, iss=CUSTOM_ISSUER
    ),
    "an RSA key of fewer than 2048 bits": lambda stage: _token(stage, stage.keys.weak),
    "a key that is not for verifying": lambda stage: _token(
        stage, stage.keys.ec_256.renamed("no-verify")
    ),
    "a private key that was published": lambda stage: _token(
        stage, stage.keys.ec_256.renamed("private")
    ),
    "ends later within this second": lambda stage: _token(stage, exp=NOW - LEEWAY + 0.5),
    "an odd value in a header that only helps to find keys": lambda stage: _token(
        stage, header={"jku": 5}
    ),
    "the second of two keys with one key id": lambda stage: _token(stage, stage.keys.other_twin),
}
_ANY_AUDIENCE = {"an audience of the wrong type where any audience will do"}


@pytest.fixture(scope="module")
def comparison(stage: Stage) -> Comparison:
    return Comparison(stage)


def _sample(rule: Rule, stage: Stage) -> Specimen:
    expectation = ANY_AUDIENCE if rule.name in _ANY_AUDIENCE else EVERYTHING
    return Specimen(SAMPLES[rule.name](stage), expectation)


def test_every_rule_has_a_token_of_its_own() -> None:
    assert [rule.name for rule in RULES] == list(SAMPLES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_says_why_and_after_whom(rule: Rule) -> None:
    assert rule.why
    assert rule.source.startswith(("RFC ", "Kinde", "contract"))
    assert rule.oracles
    assert rule.oracles <= BOTH


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
async def test_rule_is_the_only_difference_of_its_token(
    rule: Rule, stage: Stage, comparison: Comparison
) -> None:
    specimen = _sample(rule, stage)
    verdict = await comparison.verdict(specimen)
    assert verdict is not None
    assert verdict.reason == (rule.refusal.reason if rule.refusal else "")
    token = Anatomy(specimen.raw, specimen.expectation, NOW)
    alike = [each for each in RULES if each.refusal is rule.refusal]
    assert [each.name for each in alike if each.applies(token)] == [rule.name]
    with standing_still(stage.clock):
        verdicts = {
            each.name: each.judge(specimen.raw)
            for each in comparison.oracles_of(specimen.expectation)
        }
    otherwise = {name for name, other in verdicts.items() if other.accepted != verdict.accepted}
    # A rule may name both libraries though each of them minds another form of the same thing.
    assert otherwise
    assert otherwise <= rule.oracles


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
async def test_rule_explains_neither_the_other_direction_nor_another_reason(
    rule: Rule, stage: Stage
) -> None:
    specimen = _sample(rule, stage)
    token = Anatomy(specimen.raw, specimen.expectation, NOW)
    reasons = {"", "malformed_token", "invalid_claim", "invalid_signature", "unknown_key"}
    expected = rule.refusal.reason if rule.refusal else ""
    for oracle in BOTH:
        for reason in reasons | {expected}:
            explained = rule.explains(token, oracle, reason)
            assert explained == (oracle in rule.oracles and reason == expected)


@pytest.mark.parametrize("expectation", EXPECTATIONS, ids=lambda each: each.name)
async def test_good_token_needs_no_rule(stage: Stage, expectation: Any) -> None:
    comparison = Comparison(stage)
    twins = {stage.keys.twin.kid}
    with standing_still(stage.clock):
        for raw in stage.good:
            token = Anatomy(raw, expectation, NOW)
            if token.header["kid"] in twins or token.header["alg"] not in expectation.algorithms:
                continue
            verdict = await comparison.judge(Specimen(raw, expectation))
            assert verdict is not None
            assert verdict.accepted
            assert json.loads(verdict.claims or "")["aud"] == [AUDIENCE]
            assert not [rule.name for rule in RULES if rule.applies(token)]
    assert comparison.tally.findings == []
    assert not comparison.tally.rules
