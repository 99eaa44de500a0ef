"""What the tour found, as one object, and as JSON for a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kinde_guard.cli.demo.scenarios import Ask, Call, Listen, Scenario
from kinde_guard.cli.demo.tour import Line


@dataclass(frozen=True, slots=True)
class Report:
    """The whole tour.

    Attributes:
        issuer: the tenant.
        api: the base URL of the API.
        lines: one for each scenario.
    """

    issuer: str
    api: str
    lines: Sequence[Line]

    @property
    def as_expected(self) -> bool:
        """Whether no answer differed from what was expected."""
        return all(line.as_expected for line in self.lines)


def to_json(report: Report) -> dict[str, Any]:
    """Return the tour for a program; no token and no secret is in it."""
    return {
        "issuer": report.issuer,
        "api": report.api,
        "docs": f"{report.api}/docs",
        "as_expected": report.as_expected,
        "answers": [_line_to_json(line) for line in report.lines],
    }


def _line_to_json(line: Line) -> dict[str, Any]:
    scenario, answer = line.scenario, line.answer
    return {
        "name": scenario.name,
        "section": line.section,
        "request": request_of(scenario),
        "token": scenario.token,
        "event": scenario.event,
        "skipped": line.skipped,
        "status": answer and answer.status,
        "reason": answer and answer.reason,
        "challenge": answer and answer.challenge,
        "retry_after": answer and answer.retry_after,
        "expected": asdict(scenario.expected),
        "as_expected": line.as_expected,
        "why": scenario.why,
    }


def request_of(scenario: Scenario) -> str:
    """Return the request as a person writes it."""
    match scenario.request:
        case Call(method, path):
            return f"{method} {path}"
        case Listen(path):
            return f"WS {path}"
        case Ask():
            return "POST /oauth2/token"
