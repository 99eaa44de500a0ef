"""Curves of cost against one variable, and what may be said of them.

Verdicts are reached on the lower quartiles of the points, which a busy machine moves least, and
against the noise at both ends of the curve: the larger of the distances between their quartiles.
Noise that could hide a doubling leaves the question of flatness open.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.spread import Spread

#: Microseconds that no chunk of this length resolves, however quiet the machine.
RESOLUTION = 2.0
#: How much steeper the upper half of a straight line may look.
TOLERANCE = 0.5


@dataclass(frozen=True)
class Point:
    """The cost at one value of the variable, in microseconds."""

    x: float
    cost: Spread


@dataclass(frozen=True)
class Curve:
    """One row of points, by rising x."""

    name: str
    points: Sequence[Point]
    must_be_flat: bool = False

    @property
    def noise(self) -> float:
        """By how much equal points may differ here, in microseconds."""
        ends = self.points[0].cost, self.points[-1].cost
        return max(RESOLUTION, *(end.upper - end.lower for end in ends))

    @property
    def rise(self) -> float:
        """By how much a straight line through all points rises from the first to the last."""
        first, last = self.points[0].x, self.points[-1].x
        xs, ys = [point.x for point in self.points], [point.cost.lower for point in self.points]
        return statistics.linear_regression(xs, ys).slope * (last - first)

    @property
    def flat(self) -> bool:
        """Whether the rise cannot be told from noise."""
        return abs(self.rise) <= self.noise

    @property
    def too_noisy(self) -> bool:
        """Whether the noise could hide that the cost doubles."""
        return self.noise > max(RESOLUTION, self.points[0].cost.median)

    @property
    def at_worst_linear(self) -> bool:
        """Whether the upper half of the range is no steeper than the lower half."""
        if len(self.points) < 3:
            return True
        first, last = self.points[0], self.points[-1]
        half = (first.x + last.x) / 2
        middle = min(self.points[1:-1], key=lambda point: abs(point.x - half))
        lower, upper = _slope(first, middle), _slope(middle, last)
        allowed = max(lower, 0) * (1 + TOLERANCE) + self.noise / (last.x - middle.x)
        return upper <= allowed

    @property
    def verdict(self) -> str:
        """What the curve does, in words."""
        if self.must_be_flat and self.too_noisy:
            return "too noisy to tell"
        if self.flat:
            return "flat"
        return "at worst linear" if self.at_worst_linear else "worse than linear"

    @property
    def good(self) -> bool:
        """Whether the curve does what it must."""
        return self.flat if self.must_be_flat else self.flat or self.at_worst_linear

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "must_be_flat": self.must_be_flat,
            "good": self.good,
            "open": self.must_be_flat and self.too_noisy,
            "verdict": self.verdict,
            "rise_us": round(self.rise, 2),
            "noise_us": round(self.noise, 2),
            "points": [{"x": point.x, **point.cost.as_json()} for point in self.points],
        }


def _slope(first: Point, last: Point) -> float:
    return (last.cost.lower - first.cost.lower) / (last.x - first.x)
