"""The growth curves: points that hold all but one thing still, and verdicts that can fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.asgi import Traffic
from tests.benchmarks.growing import chart, report, variables
from tests.benchmarks.growing.curves import Curve, Point
from tests.benchmarks.identity import Identity, offline
from tests.benchmarks.rounds import Figures, by_turns
from tests.benchmarks.spread import Spread

pytestmark = pytest.mark.anyio

XS = (1.0, 25.0, 50.0, 75.0, 100.0)


@pytest.fixture(scope="module")
def identity() -> Identity:
    return offline()


def curve(cost: Callable[[float], float], *, noise: float = 0.0, flat: bool = False) -> Curve:
    # Quartiles: the cost, the cost, and the cost with the noise.
    points = [Point(x, Spread.of([cost(x), cost(x), cost(x) + 2 * noise])) for x in XS]
    return Curve("made up", points, must_be_flat=flat)


@pytest.mark.parametrize(
    ("cost", "verdict"),
    [
        (lambda _: 20.0, "flat"),
        (lambda x: 20.0 + x, "at worst linear"),
        (lambda x: 20.0 + 10 * x**0.5, "at worst linear"),
        (lambda x: 20.0 + x * x / 10, "worse than linear"),
        (lambda x: 20.0 if x < 60 else 20.0 + x, "worse than linear"),
    ],
)
def test_verdict_follows_the_shape(cost: Callable[[float], float], verdict: str) -> None:
    assert curve(cost).verdict == verdict


def test_a_curve_that_must_be_flat_is_not_good_when_it_rises() -> None:
    assert curve(lambda _: 20.0, flat=True).good
    assert not curve(lambda x: 20.0 + x / 10, flat=True).good
    assert curve(lambda x: 20.0 + x / 10).good


def test_a_rise_within_the_noise_is_flat() -> None:
    assert not curve(lambda x: 20.0 + x / 10).flat
    assert curve(lambda x: 20.0 + x / 10, noise=12.0).flat


def test_noise_that_could_hide_a_doubling_leaves_flatness_open() -> None:
    noisy = curve(lambda _: 20.0, noise=25.0, flat=True)
    assert noisy.verdict == "too noisy to tell"
    assert noisy.as_json()["open"] is True
    assert curve(lambda _: 20.0, noise=12.0, flat=True).verdict == "flat"


@pytest.mark.parametrize("variable", variables.VARIABLES, ids=lambda each: each.name)
async def test_first_two_points_of_each_variable_are_measured(
    identity: Identity, variable: variables.Variable
) -> None:
    stock = variables.Stock(identity, identity.mint().fresh(100))
    cases = [case for x in variable.points[:2] for case in variable.cases(stock, x)]
    figures = await by_turns(cases, identity.rsa, range(1))
    names = {variable.case_name(name, x) for name in variable.curves for x in variable.points[:2]}
    assert set(figures) == names


@pytest.mark.parametrize("fill", [variables.flags, variables.text])
@pytest.mark.parametrize("kibibytes", [1, 4, 15.9])
def test_a_token_is_filled_up_to_its_length(
    identity: Identity, fill: Callable[..., dict[str, Any]], kibibytes: float
) -> None:
    mint = identity.mint()
    mint.changes |= fill(mint, int(kibibytes * 1024))
    assert kibibytes * 1024 - 60 <= len(mint.token()) <= kibibytes * 1024


def test_tokens_of_few_scopes_are_as_long_as_those_of_many(identity: Identity) -> None:
    stock = variables.Stock(identity, ())
    lengths = set()
    for count in (1, 200, 500):
        traffic = variables.by_scopes(stock, count)[0].take
        assert isinstance(traffic, Traffic)
        lengths.add(len(str(traffic.tokens[0])))
    assert max(lengths) - min(lengths) <= 4


def test_the_key_that_signs_is_the_last_of_the_set(identity: Identity) -> None:
    keys = variables.with_keys(identity, 100)["keys"]
    assert len(keys) == len({key["kid"] for key in keys}) == 100
    assert keys[-1]["kid"] == identity.key.kid


def data(*, good: bool, rounds: int = 10) -> dict[str, Any]:
    rising = curve(lambda x: 20.0 if good else x * x, flat=True)
    figures = {"one": Figures([60.0] * rounds, [40.0] * rounds, [26.0] * rounds)}
    weights = [
        {"token_bytes": 800, "remembered_bytes": 1024.0},
        {"token_bytes": 16000, "remembered_bytes": 12288.0},
    ]
    return report.as_data({"keys in the set": [rising]}, figures, weights, real_time=True)


def test_a_bad_curve_is_named() -> None:
    assert report.conclusions(data(good=True))[0].startswith("no curve is worse than linear")
    bad = report.conclusions(data(good=False))[0]
    assert bad == "not shown as it must be: keys in the set, made up: worse than linear"


def test_too_few_rounds_judge_nothing() -> None:
    said = report.conclusions(data(good=False, rounds=3))[0]
    assert said == "everything runs; 3 rounds are too few to judge the curves"


def test_charts_of_the_same_figures_are_the_same_files(tmp_path: Path) -> None:
    made_up = data(good=True)
    first, second = (chart.draw(made_up, tmp_path / each) for each in "ab")
    assert [path.name for path in first] == ["growth.png", "growth.svg"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
