"""The budgets of the guard, held by ratio.

They are microseconds on a machine where one RSA-2048 verification takes 26 and the route without a
guard 51. On another machine, or a busy one, the ratios to both say whether they hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.comparison.cases import FORGED, SEEN, UNSEEN
from tests.benchmarks.rounds import REFERENCE_ROUTE, REFERENCE_RSA, Figures
from tests.benchmarks.spread import Spread

IMPORT_MS = 60
CACHE_BYTES = 12 * 1024 * 1024
CACHED = 4_096


@dataclass(frozen=True)
class Budget:
    """What a case may cost, in microseconds of the reference machine."""

    case: str
    must: float
    aim: float
    #: Whether the whole request counts, or what it costs over the route without a guard.
    whole: bool = False


@dataclass(frozen=True)
class Verdict:
    """A budget against what was measured, in both units."""

    budget: Budget
    rsa: Spread
    route: Spread

    @property
    def outcome(self) -> str:
        """Whether the budget holds, in units of the verification; by that it is set."""
        return outcome(self.rsa.median, self.rsa.lower, self.budget.must / REFERENCE_RSA)

    @property
    def in_words(self) -> str:
        """Both ratios against what is allowed."""
        budget = self.budget
        what = "the whole request" if budget.whole else "extra"
        return (
            f"{budget.case}, {what}: {self.rsa.median:.2f} RSA verifications, lower quartile "
            f"{self.rsa.lower:.2f} (must {budget.must / REFERENCE_RSA:.2f}, "
            f"aim {budget.aim / REFERENCE_RSA:.2f}); {self.route.median:.2f} unguarded routes "
            f"(must {budget.must / REFERENCE_ROUTE:.2f})"
        )


BUDGETS = (
    Budget(SEEN, 25, 12),
    Budget(UNSEEN, 90, 60),
    Budget(FORGED, 90, 60, whole=True),
)


def outcome(median: float, lower: float, must: float) -> str:
    """Say whether a budget holds: if the median does.

    If only the lower quartile does, the machine was too busy to tell, and the question is open.
    """
    if median <= must:
        return "held"
    return "open" if lower <= must else "MISSED"


def judge(figures: dict[str, Figures]) -> list[Verdict]:
    """Hold what was measured against every budget."""
    return [_judge(budget, figures[budget.case]) for budget in BUDGETS]


def _judge(budget: Budget, figures: Figures) -> Verdict:
    counted = figures.whole if budget.whole else figures.extra
    return Verdict(budget, figures.in_rsa(counted), figures.in_routes(counted))
