"""Runs in pairs: the same load on two servers, or on one server in two conditions, by turns.

A pair is a second of one and a second of the other, next to each other, and only figures of one
pair are divided by each other: the speed of a virtual machine changes too much for anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.load.wrk import PERCENTILES, Result
from tests.benchmarks.spread import Spread

Figure = Callable[[Result], float]


def rate(result: Result) -> float:
    """Return the requests per second."""
    return result.rate


def percentile(name: str) -> Figure:
    """Return what reads a percentile of the latency, in milliseconds."""
    return lambda result: result.latency[name]


@dataclass
class Comparison:
    """The pairs of one comparison, one a round.

    Attributes:
        base: what is compared with.
        other: what is compared.
        processor: microseconds of processor time for a request, of ``base`` and of ``other``, from
            runs side by side on one core; empty where none were made.
        missed: pairs in which one of the two answered nothing at all.
    """

    base: list[Result] = field(default_factory=list)
    other: list[Result] = field(default_factory=list)
    processor: list[tuple[float, float]] = field(default_factory=list)
    missed: int = 0

    def add(self, base: Result, other: Result) -> None:
        """Keep a pair, or count that it says nothing."""
        if base.requests and other.requests:
            self.base.append(base)
            self.other.append(other)
        else:
            self.missed += 1

    def add_processor(self, spent: tuple[float, float] | None) -> None:
        """Keep the processor time of a run side by side, if there was one."""
        if spent is not None:
            self.processor.append(spent)

    def ratio(self, figure: Figure) -> list[float]:
        """Return how ``other`` compares with ``base``, pair by pair."""
        pairs = zip(self.base, self.other, strict=True)
        return [figure(other) / figure(base) for base, other in pairs]

    @property
    def unanswered(self) -> int:
        """Requests that ``base`` and ``other`` refused or dropped."""
        return sum(run.refused + run.broken for run in (*self.base, *self.other))

    def as_json(self) -> dict[str, Any]:
        """Return all figures; a figure without samples is ``None``."""
        base, other = zip(*self.processor, strict=True) if self.processor else ((), ())
        return {
            "pairs": len(self.base),
            "missed": self.missed,
            "unanswered": self.unanswered,
            "rate": self._sides(rate),
            **{name: self._sides(percentile(name)) for name in PERCENTILES},
            "processor": {
                "base": _summary(base),
                "other": _summary(other),
                "kept": _summary(plain / guarded for plain, guarded in self.processor),
                "times": _summary(guarded / plain for plain, guarded in self.processor),
            },
        }

    def _sides(self, figure: Figure) -> dict[str, Any]:
        return {
            "base": _summary(map(figure, self.base)),
            "other": _summary(map(figure, self.other)),
            "ratio": _summary(self.ratio(figure)),
        }


def _summary(samples: Iterable[float]) -> dict[str, float] | None:
    found = list(samples)
    return Spread.of(found).as_json() if found else None
