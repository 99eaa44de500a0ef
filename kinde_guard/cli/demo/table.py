"""The tour as a table for a person, readable from 80 columns on."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kinde_guard.cli.demo.report import Report, request_of
from kinde_guard.cli.demo.scenarios import Ask, Expected, Scenario
from kinde_guard.cli.demo.tour import Line
from kinde_guard.cli.demo.wire import Answer


def show(console: Console, report: Report) -> None:
    """Print the table and its verdict."""
    console.print(_table(report.lines))
    console.print(_verdict(report.lines))
    _show_refusal(console, report.lines)


def _table(lines: Sequence[Line]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, show_edge=False, pad_edge=False, padding=0)
    table.add_column("Request, with token", width=23)
    table.add_column("Answer", width=6)
    table.add_column("Challenge, reason", width=20)
    table.add_column("Why", ratio=1)
    section = None
    for line in lines:
        if line.section != section:
            section = line.section
            table.add_row()
            table.add_row(Text(section, style="bold"))
        table.add_row(
            _request_cell(line.scenario), _status_cell(line), _challenge_cell(line), _why_cell(line)
        )
    return table


def _request_cell(scenario: Scenario) -> Text:
    cell = Text(request_of(scenario))
    match scenario.request:
        case Ask(scope):
            detail: str | None = f"scope={scope}" if scope else "no scope parameter"
        case _:
            detail = scenario.token
    if scenario.event is not None:
        cell = Text(f"({scenario.event})\n", style="italic dim") + cell
    return cell.append(f"\n  {detail}", style="dim") if detail else cell


def _status_cell(line: Line) -> Text:
    if line.answer is None:
        return Text("-", style="dim")
    good = line.answer.status < 400
    style = "bold red" if not line.as_expected else "green" if good else "yellow"
    return Text(str(line.answer.status), style=style)


def _challenge_cell(line: Line) -> Text:
    """Return what tells the caller how to go on, as short as a table needs it."""
    answer = line.answer
    if answer is None:
        return Text("")
    parameters = answer.challenge_parameters or {}
    told = parameters.get("error") or answer.challenge or _without_challenge(answer)
    told += f'\nscope="{parameters["scope"]}"' if "scope" in parameters else ""
    cell = Text(told, style="dim" if answer.status < 400 else "")
    if answer.reason is not None and answer.reason not in told:
        cell.append(f"\n{answer.reason}", style="dim")
    return cell


def _without_challenge(answer: Answer) -> str:
    if answer.retry_after is not None:
        return f"Retry-After: {answer.retry_after}"
    if "access_token" in answer.document:
        granted = str(answer.document.get("scope", "")).split()
        return f"{len(granted)} scopes granted" if len(granted) != 1 else f"scope={granted[0]}"
    return answer.reason or ""


def _why_cell(line: Line) -> Text:
    if line.skipped is not None:
        return Text(f"skipped: {line.skipped}", style="dim")
    if not line.as_expected:
        return Text(f"UNEXPECTED. Due was {_due(line.scenario.expected)}", style="bold red")
    return Text(line.scenario.why)


def _due(expected: Expected) -> str:
    due = [str(expected.status), expected.reason or "", "Retry-After" * expected.retry_after]
    if expected.challenge is not None:
        due.append("challenge " + ", ".join(f"{k}={v}" for k, v in expected.challenge.items()))
    return " ".join(part for part in due if part)


def _verdict(lines: Sequence[Line]) -> Text:
    played = [line for line in lines if line.answer is not None]
    wrong = [line for line in played if not line.as_expected]
    skipped = len(lines) - len(played)
    text = f"\n{len(played)} answers, "
    text += f"{len(wrong)} of them not as expected" if wrong else "all as expected"
    text += f"; {skipped} skipped" if skipped else ""
    return Text(f"{text}.\n", style="bold red" if wrong else "bold green")


def _show_refusal(console: Console, lines: Sequence[Line]) -> None:
    """Print one challenge in full, since the table has no room for it."""
    for line in lines:
        if line.answer is not None and line.answer.status == 403:
            challenge = str(line.answer.challenge).replace('", ', '",\n    ')
            console.print("The challenge of the 403, one header, in full", style="bold")
            console.print(f"  WWW-Authenticate: {challenge}\n", soft_wrap=True, markup=False)
            return
