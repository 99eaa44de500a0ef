"""The explanation as a table for a person, readable from 40 columns on."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kinde_guard.cli.explain.checks import Check, Outcome
from kinde_guard.cli.explain.report import Report, Verdict
from kinde_guard.cli.plain_text import printable

_MARKS = {
    Outcome.OK: ("ok", "green"),
    Outcome.FAILED: ("FAIL", "bold red"),
    Outcome.UNCHECKED: ("?", "yellow"),
}
_VERDICT_STYLES = {
    Verdict.LET_IN: "bold green",
    Verdict.REFUSED: "bold red",
    Verdict.UNDECIDED: "bold yellow",
}


def show(console: Console, report: Report) -> None:
    """Print what is asked, each check, and the verdict."""
    console.print(_title(report), style="bold")
    console.print()
    console.print(_checks(report))
    if report.claims is not None:
        console.print()
        console.print(_claims(report))
    console.print(_verdict(report))


def _title(report: Report) -> Text:
    asked = "A token"
    if report.request is not None:
        asked = f"{report.request.method} {report.request.path}"
    return Text(printable(f"{asked}, before the guard of {report.settings.issuer}"))


def _grid() -> Table:
    return Table.grid(padding=(0, 2, 0, 0))


def _checks(report: Report) -> Table:
    table = _grid()
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in report.checks:
        mark, style = _MARKS[check.outcome]
        table.add_row(Text(mark, style=style), check.name, _says(check))
    return table


def _says(check: Check) -> Text:
    text = Text(printable(check.found, 400))
    if check.expected:
        text = Text(
            f"found     {printable(check.found, 400)}\nexpected  {printable(check.expected)}"
        )
    if check.remedy:
        text.append(f"\n{printable(check.remedy, 400)}", style="italic")
    return text


def _claims(report: Report) -> Table:
    table = _grid()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (report.claims or {}).items():
        text = value if isinstance(value, str) else json.dumps(value)
        table.add_row(printable(name, 40), Text(printable(text, 400)))
    return table


def _verdict(report: Report) -> Text:
    text = Text("\n")
    text.append(_sentence(report), style=_VERDICT_STYLES[report.verdict])
    if report.further:
        names = ", ".join(report.further)
        text.append(f"\nThe guard stops there; also wrong: {names}.")
    return text


def _sentence(report: Report) -> str:
    error = report.error
    if error is None:
        operation = report.request and report.request.operation
        if operation and operation.is_public:
            return "Let in. The path is public; a bad token would be refused even there."
        return "Let in."
    word = "Undecided" if report.verdict is Verdict.UNDECIDED else "Refused"
    return f"{word}: {error.status} {error.reason}. {error.description}"
