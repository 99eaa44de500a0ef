"""What became of a token, as one object, and as JSON for a program. No token is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from kinde_guard.cli.explain.checks import Check, Outcome
from kinde_guard.cli.explain.examination import Examination
from kinde_guard.cli.explain.needs_checks import missing_scopes, token_of
from kinde_guard.cli.explain.request import Request
from kinde_guard.requirements.requirement import scopes_of
from kinde_guard.vocabulary.errors import GuardError, TemporarilyUnavailable
from kinde_guard.vocabulary.settings import Settings


class Verdict(StrEnum):
    """What the guard would do."""

    LET_IN = "let in"
    REFUSED = "refused"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Report:
    """The whole explanation.

    Attributes:
        found: what became of the token.
        checks: all of them, in the guard's order.
        error: what the request would be answered with, if it is not let in.
        request: what is asked for, if that is known.
        claims: what to show of the claims; ``None`` shows nothing.
    """

    found: Examination
    checks: Sequence[Check]
    error: GuardError | None
    request: Request | None
    claims: Mapping[str, Any] | None

    @property
    def settings(self) -> Settings:
        """Those of the guard."""
        return self.found.settings

    @property
    def verdict(self) -> Verdict:
        """What the guard would do with the request."""
        if self.error is None:
            return Verdict.LET_IN
        is_outage = isinstance(self.error, TemporarilyUnavailable)
        return Verdict.UNDECIDED if is_outage else Verdict.REFUSED

    @property
    def further(self) -> Sequence[str]:
        """What else is wrong, beyond that for which the guard refuses it."""
        failed = [one for one in self.checks if one.outcome is Outcome.FAILED]
        deciding = next(
            (one for one in failed if self.error and one.reason == self.error.reason), None
        )
        return [one.name for one in failed if one is not deciding]


def to_json(report: Report) -> dict[str, Any]:
    """Return the explanation for a program."""
    settings, error = report.settings, report.error
    document: dict[str, Any] = {
        "verdict": report.verdict.value.replace(" ", "_"),
        "status": error.status if error else None,
        "reason": error.reason if error else None,
        "guard": {"issuers": list(settings.issuers), "audience": settings.audience},
        "request": _request(report.request),
        "checks": [asdict(check) for check in report.checks],
        "scopes": _scopes(report),
    }
    if report.claims is not None:
        document["claims"] = dict(report.claims)
    return document


def _request(request: Request | None) -> dict[str, Any] | None:
    if request is None:
        return None
    operation = request.operation
    return {
        "method": request.method,
        "path": request.path,
        "route": operation.path,
        "public": operation.is_public,
    }


def _scopes(report: Report) -> dict[str, Any]:
    granted = token_of(report.found).scopes
    requirements = report.request.operation.requirements if report.request else ()
    return {
        "found": sorted(granted),
        "needed": list(scopes_of(requirements)),
        "missing": list(missing_scopes(requirements, granted)),
    }
