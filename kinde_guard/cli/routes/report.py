"""The routes of an application, their findings, and both as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kinde_guard.audit.findings import Finding
from kinde_guard.audit.operations import Operation
from kinde_guard.cli.routes.wording import advice, needs_in_words, note_of


@dataclass(frozen=True, slots=True)
class Report:
    """The result of ``routes``.

    Attributes:
        operations: every operation, in the router's order.
        findings: the faults, the gravest first.
    """

    operations: Sequence[Operation]
    findings: Sequence[Finding]


def to_json(report: Report) -> dict[str, Any]:
    """Return the report for a program."""
    return {
        "operations": [_operation(one) for one in report.operations],
        "findings": [{**asdict(one), "remedy": advice(one)} for one in report.findings],
    }


def to_markdown(report: Report) -> str:
    """Return the report as Markdown, for a README or a pull request."""
    lines = ["| Method | Path | Needs | What |", "|---|---|---|---|"]
    lines += [
        f"| {one.method} | `{one.path}` | {_cell(needs_in_words(one))} | {_cell(note_of(one))} |"
        for one in report.operations
    ]
    if report.findings:
        lines += ["", "Findings:", ""]
        lines += [f"- {_cell(one.says)}; {_cell(advice(one))}" for one in report.findings]
    return "\n".join(lines)


def _operation(one: Operation) -> dict[str, Any]:
    return {
        "method": one.method,
        "path": one.path,
        "kind": one.kind.value,
        "guarded": one.is_guarded,
        "public": one.is_public,
        "token": one.is_guarded and (not one.is_public or bool(one.needs.rules)),
        "scopes": list(one.needs.scopes),
        "rules": [asdict(rule) for rule in one.needs.rules if rule.names],
        "permissions": list(one.needs.permissions),
        "organization": one.needs.organization,
        "summary": one.summary,
    }


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
