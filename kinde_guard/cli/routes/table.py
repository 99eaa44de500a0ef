"""The routes as a table for a person, readable from 40 columns on."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kinde_guard.audit.findings import Finding
from kinde_guard.audit.operations import Operation
from kinde_guard.cli.plain_text import printable
from kinde_guard.cli.routes.report import Report
from kinde_guard.cli.routes.wording import OPEN, PUBLIC, TOKEN, advice, needs_in_words, note_of

WIDE = 72
"""From so many columns on there is room for what the routes do."""

_STYLES = {PUBLIC: "dim", TOKEN: "yellow", OPEN: "bold red"}


def show(console: Console, report: Report) -> None:
    """Print the table, the findings and the verdict."""
    if report.operations:
        console.print(_table(report, wide=console.width >= WIDE))
    for finding in report.findings:
        console.print(_finding(finding))
    console.print(_verdict(report))


def _table(report: Report, *, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("Method", no_wrap=True)
    table.add_column("Path", overflow="fold")
    table.add_column("Needs", overflow="fold")
    if wide:
        table.add_column("What", overflow="fold")
    odd = {finding.subject for finding in report.findings}
    for one in report.operations:
        table.add_row(*_cells(one, wide=wide, is_odd=one.name in odd))
    return table


def _cells(one: Operation, *, wide: bool, is_odd: bool) -> list[Text]:
    needs = needs_in_words(one)
    style = "bold red" if is_odd else _STYLES.get(needs, "green")
    cells = [Text(one.method), Text(printable(one.path)), Text(printable(needs), style=style)]
    return [*cells, Text(printable(note_of(one)), style="dim")] if wide else cells


def _finding(finding: Finding) -> Group:
    text = Text(f"{printable(finding.message)}\n{advice(finding)}")
    return Group(Text(f"\n{finding.code}", style="bold red"), Padding(text, (0, 0, 0, 2)))


def _verdict(report: Report) -> Text:
    operations, found = len(report.operations), len(report.findings)
    asking = sum(one.can_deny for one in report.operations)
    public = sum(one.is_public for one in report.operations)
    text = f"\n{operations} operations: {asking} ask for scopes, {public} public; "
    text += (
        f"{found} finding{'s' if found != 1 else ''}." if found else "nothing to find fault with."
    )
    return Text(text, style="bold red" if found else "bold green")
