"""Measuring by turns on a machine that is never quiet.

A virtual machine's speed changes by half for tenths of a second at a time. So everything is
measured in chunks of a few milliseconds, in an order that is shuffled for each round, and every
chunk stands between two chunks of what it is compared with: the same route without a guard, and one
raw RSA verification. Costs are differences and ratios within such a sandwich; only then come
medians and quartiles over the rounds.

The garbage collector runs between the chunks, never within one, and so for all alike.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.spread import Spread

#: Does a small piece of work many times, and returns the microseconds that one piece took.
Take = Callable[[], Awaitable[float]]

#: One RSA-2048 verification and the route without a guard, on the machine of the budgets.
REFERENCE_RSA = 26.0
REFERENCE_ROUTE = 51.0


@dataclass(frozen=True)
class Case:
    """What is measured, and what it is compared with."""

    name: str
    take: Take
    baseline: Take
    #: Makes ready what one chunk needs, such as tokens that nobody has seen; it is not timed.
    prepare: Callable[[], None] = lambda: None


@dataclass
class Figures:
    """One case's chunks over all rounds: microseconds for one piece of work."""

    whole: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)
    rsa: list[float] = field(default_factory=list)

    @property
    def extra(self) -> list[float]:
        """What the case costs over its baseline, round by round."""
        return [each - base for each, base in zip(self.whole, self.baseline, strict=True)]

    def in_rsa(self, figures: Sequence[float]) -> Spread:
        """Return figures as multiples of the RSA verification beside which each was measured."""
        return Spread.of(each / rsa for each, rsa in zip(figures, self.rsa, strict=True))

    def in_routes(self, figures: Sequence[float]) -> Spread:
        """Return figures as multiples of the baseline beside which each was measured."""
        return Spread.of(each / base for each, base in zip(figures, self.baseline, strict=True))

    def at_reference(self, figures: Sequence[float]) -> Spread:
        """Return figures in microseconds of a machine whose RSA verification takes 26 of them."""
        return Spread.of(
            each / rsa * REFERENCE_RSA for each, rsa in zip(figures, self.rsa, strict=True)
        )


async def by_turns(
    cases: Sequence[Case],
    rsa: Take,
    rounds: Iterable[int],
    *,
    seed: int = 1,
) -> dict[str, Figures]:
    """Measure every case once in each round; one round before them is thrown away.

    Args:
        cases: what to measure; the names are the keys of what is returned.
        rsa: the yardstick, one raw verification.
        rounds: is run through to the end, once for each round; wrap it to show progress.
        seed: of the order in which the cases take their turns.
    """
    order = random.Random(seed)
    for case in cases:
        await _sandwich(case, rsa, Figures())
    found = {case.name: Figures() for case in cases}
    for _ in rounds:
        for case in order.sample(cases, len(cases)):
            await _sandwich(case, rsa, found[case.name])
    return found


async def _sandwich(case: Case, rsa: Take, figures: Figures) -> None:
    case.prepare()
    routes, verifications = [await case.baseline()], [await rsa()]
    whole = await case.take()
    verifications.append(await rsa())
    routes.append(await case.baseline())
    figures.whole.append(whole)
    figures.baseline.append(sum(routes) / 2)
    figures.rsa.append(sum(verifications) / 2)
