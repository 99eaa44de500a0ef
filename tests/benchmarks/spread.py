"""What a set of rounds says: its middle, its quiet end, and how far its rounds lie apart.

Interference only ever adds time, so the lower quartile is the better guess at what the code costs,
and the median is what a busy machine made of it. Both are kept, and so is the distance between.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass

#: Rounds whose middle half lies further apart than this were measured on a busy machine.
BUSY = 0.15


@dataclass(frozen=True)
class Spread:
    """The five figures of a sample, in the sample's own unit."""

    best: float
    lower: float
    median: float
    upper: float
    worst: float

    @classmethod
    def of(cls, samples: Iterable[float]) -> Spread:
        """Summarize a sample of one figure or more."""
        ordered = sorted(samples)
        if len(ordered) == 1:
            return cls(*ordered * 5)
        lower, median, upper = statistics.quantiles(ordered, n=4, method="inclusive")
        return cls(ordered[0], lower, median, upper, ordered[-1])

    @property
    def relative(self) -> float:
        """The distance between the quartiles as a part of the median; 0 where that is 0."""
        return (self.upper - self.lower) / abs(self.median) if self.median else 0.0

    def as_json(self) -> dict[str, float]:
        return {name: round(figure, 4) for name, figure in asdict(self).items()}


def in_plain_words(relative: float, load: float = 0.0, cores: int = 1) -> str:
    """Say whether rounds that lie this far apart can be trusted.

    Args:
        relative: the distance between the quartiles as a part of the median.
        load: how many processes wanted to run, this one included.
        cores: how many could.
    """
    apart = f"the middle half of the rounds lies {relative:.0%} apart"
    if relative > BUSY:
        return f"{apart}: this machine was busy. Trust the ratios, not the microseconds."
    if load > cores:
        return f"{apart}, though {load:g} processes wanted {cores} cores."
    return f"{apart}: this machine was quiet."
