"""Tables for terminals of 80 columns and less."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kinde_guard.cli.plain_text import printable
from kinde_guard.cli.scopes.execution import Execution
from kinde_guard.cli.scopes.grants import Change, Changed
from kinde_guard.cli.scopes.listing import Listing
from kinde_guard.cli.scopes.management import Api
from kinde_guard.cli.scopes.plan import Plan

LONGEST = 1_000
"""Maximum length of a line of text that comes from Kinde, in characters."""

SHOWN_ROUTES = 3
"""Number of routes that are named for a scope; the rest is counted."""

GRANTED = {True: Text("yes", "green"), False: Text("no", "yellow"), None: Text("?", "dim")}

DONE = {"add": "added", "remove": "removed"}

LATER = {
    Change.GRANT: "Tokens from now on hold what was granted; ask for a new one.",
    Change.REVOKE: "Tokens that exist keep their scopes until they expire.",
}


def show_listing(console: Console, listing: Listing) -> None:
    """Print the scopes of an API, and those of an application as far as they are known."""
    holder = listing.holder
    table = _table("Scope", *(["Granted"] if holder else []), "Description")
    for scope in listing.scopes:
        granted = [GRANTED[listing.is_granted(scope)]] if holder else []
        table.add_row(_text(scope.key), *granted, _text(scope.description))
    _title(console, listing.api, _count(len(listing.scopes), "scope"))
    if listing.scopes:
        console.print(table)
    for note in _notes(listing):
        console.print(_text(f"\n{note}"))


def show_changed(console: Console, changed: Changed) -> None:
    """Print the grants or revocations that were made."""
    application, api = changed.application, changed.api
    if not changed.execution.done and changed.execution.is_complete:
        _say(
            console,
            f"{application.name} is not authorized for {api.name}, so it holds no scope of it.",
        )
        return
    preposition = "to" if changed.change is Change.GRANT else "from"
    for step in changed.execution.done:
        done = "authorized for" if step.verb == "authorize" else changed.change.done
        _say(console, f"{done} {step.name}", "green")
    if changed.execution.done:
        _say(console, f"{preposition} {application.name} ({application.client_id}), on {api.name}")
    if changed.execution.is_complete:
        _say(console, LATER[changed.change])


def show_plan(
    console: Console, plan: Plan, *, prune: bool | None, missing_only: bool = False
) -> None:
    """Print the differences between code and Kinde.

    Args:
        console: the terminal.
        plan: the differences.
        prune: whether unused scopes will be removed; None if nothing will be changed.
        missing_only: whether ``plan`` leaves the unused scopes out.
    """
    _title(console, plan.api, _in_both(len(plan.in_both)))
    if not plan.is_even:
        console.print(_differences(plan, prune=prune))
    if plan.of_sign_in:
        _say(console, f"Of sign-in, and of no API: {', '.join(plan.of_sign_in)}")
    if plan.is_even:
        verdict = "Kinde has every scope that the code requires."
        _say(console, verdict if missing_only else "Code and Kinde agree.", "green")
    elif plan.unused and prune:
        _say(console, "A scope that is removed is gone from every application.", "yellow")


def show_execution(console: Console, execution: Execution) -> None:
    """Print the changes that were made, in order."""
    for step in execution.done:
        _say(console, f"{DONE[step.verb]} {step.name}", "green")


def _differences(plan: Plan, *, prune: bool | None) -> Table:
    table = _table("Scope", "Is" if prune is None else "Will be", "Description, routes")
    missing = Text("missing" if prune is None else "added", "green" if prune is not None else "red")
    for required in plan.missing:
        lines = [line for line in (required.description, _routes(required.routes)) if line]
        table.add_row(_text(required.key), missing, _text("\n".join(lines)))
    unused = {None: Text("unused", "yellow"), True: Text("removed", "red"), False: Text("kept")}
    for scope in plan.unused:
        why = _text(scope.description)
        why.append("\nno route asks for it" if scope.description else "no route asks for it", "dim")
        table.add_row(_text(scope.key), unused[prune], why)
    return table


def _in_both(number: int) -> str:
    if not number:
        return "code and Kinde have no scope in common"
    return f"{_count(number, 'scope')} both in code and in Kinde"


def _routes(routes: tuple[str, ...]) -> str:
    more = len(routes) - SHOWN_ROUTES
    return ", ".join(routes[:SHOWN_ROUTES]) + (f" and {more} more" if more > 0 else "")


def _notes(listing: Listing) -> Iterator[str]:
    holder = listing.holder
    if holder is None:
        return
    name = f"{holder.application.name} ({holder.application.client_id})"
    if not holder.is_authorized:
        yield f"{name} is not authorized for this API, so it holds none of them."
    elif holder.granted is None:
        yield f"{name} is authorized for this API."
        yield (
            "Kinde has no request that lists what an application was granted; only a token of its"
            " own tells. With its KINDE_CLIENT_ID and KINDE_CLIENT_SECRET set, --ask gets one,"
            " which Kinde bills."
        )
    else:
        yield f"Granted to {name}, as its token says."


def _title(console: Console, api: Api, rest: str) -> None:
    title = _text(api.name, "bold")
    console.print(title.append(_text(f" {api.audience}: {rest}", "not bold")))


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold", ratio=None)
    return table


def _say(console: Console, sentence: str, style: str = "") -> None:
    console.print(_text(sentence, style))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _text(text: str, style: str = "") -> Text:
    """Return text without control characters: part of it comes from Kinde."""
    lines = (printable(line, LONGEST) for line in text.split("\n"))
    return Text("\n".join(lines), style)
