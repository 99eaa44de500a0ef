"""Headers and claims of every shape, well signed: Hypothesis looks for a difference and shrinks it.

The seeded mutator reaches every layer with values that somebody thought of; here the values are
any JSON, and the keys, algorithms and issuers are combined freely.
"""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.attack.differential.comparison import Comparison, Specimen
from tests.attack.differential.oracles import standing_still
from tests.attack.differential.stage import EXPECTATIONS, Expectation, Stage, claims_of
from tests.attack.differential.values import CLAIMS, HEADERS
from tests.mint import OMIT, Json, SigningKey, compact

# Which examples come depends on what else is imported: with 200, rare reasons may be missing.
SHORT, LONG = 600, 50_000

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20)
)
JSON_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=()), max_size=6), inner, max_size=4
        )
    ),
    max_leaves=20,
)


def _members(known: dict[str, list[Any]]) -> st.SearchStrategy[Json]:
    """Some members to change: known names with odd or any values, and names of nobody's."""
    named = {name: st.sampled_from(values) | JSON_VALUES for name, values in known.items()}
    known_members = st.lists(st.sampled_from(sorted(named)), max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: named[name] for name in names})
    )
    free_members = st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=2)
    return st.builds(lambda some, others: {**others, **some}, known_members, free_members)


def _json(members: Json) -> bytes:
    return json.dumps({name: v for name, v in members.items() if v is not OMIT}).encode()


def test_any_header_and_any_claims_are_judged_as_the_rules_say(stage: Stage, nightly: bool) -> None:
    comparison = Comparison(stage)
    keys = (stage.keys.ec_256, stage.keys.ed25519, stage.keys.custom, stage.keys.rsa_any)

    @settings(max_examples=LONG if nightly else SHORT, derandomize=not nightly)
    @given(
        key=st.sampled_from(keys),
        header=st.just({}) | _members(HEADERS),
        claims=_members(CLAIMS),
        expectation=st.sampled_from(EXPECTATIONS),
    )
    def check(key: SigningKey, header: Json, claims: Json, expectation: Expectation) -> None:
        good = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
        payload = {**claims_of(stage.issuer_of(key), Random(0)), **claims}
        specimen = Specimen(compact(_json({**good, **header}), _json(payload), key), expectation)
        note(repr(specimen.raw))
        comparison.tally.findings.clear()
        runner.run(comparison.judge(specimen))
        assert [str(finding) for finding in comparison.tally.findings] == []

    with asyncio.Runner() as runner, standing_still(stage.clock):
        check()
    assert comparison.tally.accepted >= SHORT // 10
    assert len(comparison.tally.refused) >= 5


def test_any_text_is_refused_as_malformed(stage: Stage, nightly: bool) -> None:
    comparison = Comparison(stage)
    alphabet = st.sampled_from("abcXYZ019-_.=+/ \n\x00\u00e9\ud800")
    texts = st.text(alphabet, max_size=60) | st.binary(max_size=60) | st.text(max_size=30)

    @settings(max_examples=LONG if nightly else SHORT, derandomize=not nightly)
    @given(raw=texts)
    def check(raw: str | bytes) -> None:
        verdict = runner.run(comparison.verdict(Specimen(raw, EXPECTATIONS[0])))
        assert verdict is not None
        assert verdict.reason == "malformed_token"

    with asyncio.Runner() as runner:
        check()
    assert comparison.tally.findings == []
