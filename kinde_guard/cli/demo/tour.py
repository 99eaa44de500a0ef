"""Runs the scenarios in order and holds each answer against what was expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from kinde_guard.cli.demo.scenarios import Expected, Scenario, Token, lacks
from kinde_guard.cli.demo.stage import Stage
from kinde_guard.cli.demo.wire import Answer


@dataclass(frozen=True, slots=True)
class Line:
    """One scenario, played or skipped.

    Attributes:
        section: what it is about.
        scenario: what was asked, and what had to be answered on this stage.
        answer: what was answered; ``None`` where it was skipped.
        skipped: why it was skipped.
    """

    section: str
    scenario: Scenario
    answer: Answer | None = None
    skipped: str | None = None

    @property
    def as_expected(self) -> bool:
        """Whether the answer was the expected one; a skipped one counts as expected."""
        return self.answer is None or matches(self.answer, self.scenario.expected)


def play(stage: Stage, sections: Mapping[str, tuple[Scenario, ...]]) -> Iterator[Line]:
    """Play every scenario that the stage can play.

    Raises:
        Unreachable: the API or the tenant does not answer any more.
    """
    for section, scenarios in sections.items():
        for scenario in scenarios:
            obstacle = stage.obstacle(scenario)
            if obstacle is None:
                played = adapted(scenario, stage.granted)
                yield Line(section, played, answer=stage.answer(played))
            else:
                yield Line(section, scenario, skipped=obstacle)


def adapted(scenario: Scenario, granted: frozenset[str]) -> Scenario:
    """Return the scenario with the answer that is right for an application with these scopes.

    A real application may not have been granted the example's scopes; then 403 is right.
    """
    if scenario.token is not Token.ALL or granted.issuperset(scenario.needs):
        return scenario
    needs = " ".join(scenario.needs)
    why = f"This application was not granted {needs}."
    return replace(scenario, expected=lacks(*scenario.needs), why=why)


def matches(answer: Answer, expected: Expected) -> bool:
    """Say whether an answer is the expected one in all that a caller relies on."""
    return (
        answer.status == expected.status
        and answer.reason == expected.reason
        and answer.challenge_parameters == expected.challenge
        and (answer.retry_after is not None) == expected.retry_after
    )
