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
        lines += [f"- {_cell(one.message)}; {_cell(advice(one))}" for one in report.findings]
    return "\n".join(lines)


def _operation(one: Operation) -> dict[str, Any]:
    documented: dict[str, Any] = {}
    for requirement in one.requirements:
        requirement.document(documented)
    return {
        "method": one.method,
        "path": one.path,
        "kind": one.kind.value,
        "guarded": one.is_guarded,
        "public": one.is_public,
        "token": one.is_guarded and (not one.is_public or one.requires_token),
        "requirements": [each.label for each in one.requirements],
        "scopes": list(one.scopes),
        "rules": [_rule(each.alternatives) for each in one.requirements if each.scopes],
        "permissions": documented.get("x-required-permissions", []),
        "organization": documented.get("x-required-organization"),
        "roles": documented.get("x-required-roles", []),
        "features": documented.get("x-required-features", {}),
        "summary": one.summary,
    }


def _rule(alternatives: Sequence[tuple[str, ...]]) -> dict[str, list[str]]:
    """Return what every alternative has, and of what each has one."""
    first, *others = alternatives
    all_of = [name for name in first if all(name in names for names in others)]
    named = dict.fromkeys(name for names in alternatives for name in names)
    return {"all_of": all_of, "any_of": [name for name in named if name not in all_of]}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
