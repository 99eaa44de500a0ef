"""The edges of exp, nbf and iat, against arithmetic with fractions and against both libraries.

Whoever reads a date may round it, cut it or compare it the wrong way round, and libraries that
share a habit agree with one another; so the judge here is the sum itself, in exact numbers.
"""

from __future__ import annotations

import asyncio
from fractions import Fraction
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attack.differential.comparison import verdict_of
from tests.attack.differential.oracles import Joserfc, PyJwt, standing_still
from tests.attack.differential.stage import Expectation, Stage, claims_of
from tests.mint import ISSUER, NOW, FrozenClock, compact

LEEWAYS = (0, 1, 5, 300)
OFFSETS = (-2, -1, -0.5, -0.125, 0, 0.125, 0.5, 1, 2)
Times = dict[str, float]


def _sum_says(times: Times, now: float, leeway: float) -> str:
    """Return the reason of a refusal by RFC 7519, sections 4.1.4 to 4.1.6, or nothing."""
    exact = {name: Fraction(value) for name, value in times.items()}
    moment, tolerance = Fraction(now), Fraction(leeway)
    if moment >= exact["exp"] + tolerance:
        return "expired_token"
    begins = [exact[name] for name in ("nbf", "iat") if name in exact]
    if any(begin > moment + tolerance for begin in begins):
        return "immature_token"
    return ""


def _token(stage: Stage, times: Times) -> str:
    claims = {**claims_of(ISSUER, Random(0)), **times}
    key = stage.keys.ec_256
    return compact({"alg": key.alg, "kid": key.kid, "typ": "JWT"}, claims, key)


def _cases(leeway: float) -> list[Times]:
    """Return dates around each edge: the end, and the two beginnings."""
    good: Times = {"exp": NOW + 3600, "iat": NOW - 60}
    ends: list[Times] = [{**good, "exp": NOW - leeway + offset} for offset in OFFSETS]
    begins: list[Times] = [
        {**good, name: NOW + leeway + offset} for name, offset in product(("nbf", "iat"), OFFSETS)
    ]
    return ends + begins


@pytest.mark.anyio
@pytest.mark.parametrize("leeway", LEEWAYS)
async def test_guard_decides_at_every_edge_as_the_sum_does(stage: Stage, leeway: int) -> None:
    guard = stage.guard(Expectation("edges", leeway=leeway))
    for times in _cases(leeway):
        verdict = await verdict_of(guard, _token(stage, times))
        assert verdict.reason == _sum_says(times, NOW, leeway), times


@pytest.mark.anyio
@pytest.mark.parametrize("leeway", LEEWAYS)
async def test_remembered_token_begins_and_ends_when_the_sum_says(
    stage: Stage, leeway: int
) -> None:
    clock = FrozenClock()
    guard = stage.guard(Expectation("edges", leeway=leeway), clock)
    times: Times = {"exp": NOW + 50.5, "nbf": NOW - 50.5, "iat": NOW - 50.25}
    token = _token(stage, times)
    edges = (times["exp"] + leeway, times["nbf"] - leeway, times["iat"] - leeway)
    for edge, offset in product(edges, OFFSETS):
        clock.now = NOW
        assert (await verdict_of(guard, token)).accepted
        clock.now = edge + offset
        wanted = _sum_says(times, clock.now, leeway)
        assert (await verdict_of(guard, token)).reason == wanted, (edge, offset)


@pytest.mark.parametrize("leeway", LEEWAYS)
def test_libraries_decide_at_every_edge_as_the_sum_does(stage: Stage, leeway: int) -> None:
    # Or the fuzz would compare with a clock that does not stand still. PyJWT knows no fractions.
    expectation = Expectation("edges", leeway=leeway)
    pyjwt = PyJwt(expectation, stage.documents)
    joserfc = Joserfc(expectation, stage.documents, stage.clock)
    with standing_still(stage.clock):
        for times in _cases(leeway):
            wanted = not _sum_says(times, NOW, leeway)
            token = _token(stage, times)
            assert joserfc.judge(token).accepted == wanted, times
            if all(value % 1 == 0 for value in times.values()):
                assert pyjwt.judge(token).accepted == wanted, times


_AROUND_NOW = st.floats(NOW - 10, NOW + 10) | st.integers(NOW - 10, NOW + 10)
_ANY_DATE = st.floats(-1e9, 1e10) | st.integers(-(10**9), 10**10)


def test_any_dates_are_decided_as_the_sum_does(stage: Stage, nightly: bool) -> None:
    guard = stage.guard(Expectation("edges"))
    dates = _AROUND_NOW | _ANY_DATE

    @settings(max_examples=20_000 if nightly else 200, derandomize=not nightly)
    @given(exp=dates, nbf=st.none() | dates, iat=st.none() | dates)
    def check(exp: float, nbf: float | None, iat: float | None) -> None:
        given_times = {"exp": exp, "nbf": nbf, "iat": iat}
        times = {name: value for name, value in given_times.items() if value is not None}
        if "iat" not in times:
            times["iat"] = NOW
        verdict = runner.run(verdict_of(guard, _token(stage, times)))
        assert verdict.reason == _sum_says(times, NOW, 5)

    with asyncio.Runner() as runner:
        check()
