"""What a person reads: tables that hold at 80 columns and on narrow terminals."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kinde_guard.cli.plain_text import printable
from kinde_guard.cli.scopes.account import Account
from kinde_guard.cli.scopes.grants import Change, Changed
from kinde_guard.cli.scopes.listing import Listing
from kinde_guard.cli.scopes.management import Api
from kinde_guard.cli.scopes.plan import Plan

LONGEST = 1_000
"""Characters of a line that are shown, whatever Kinde sends."""

TOLD_ROUTES = 3
"""So many routes are told of a scope; of the rest, only their number."""

GRANTED = {True: Text("yes", "green"), False: Text("no", "yellow"), None: Text("?", "dim")}

DONE = {"add": "added", "remove": "removed"}

LATER = {
    Change.GRANT: "Tokens from now on hold what was granted; ask for a new one.",
    Change.REVOKE: "Tokens that exist keep their scopes until they expire.",
}


def show_listing(console: Console, listing: Listing) -> None:
    """Print the scopes of an API, and what is known of an application's."""
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
    """Print what was granted or revoked."""
    who, api = changed.application, changed.api
    if not changed.account.done and changed.account.is_complete:
        _say(console, f"{who.name} is not authorized for {api.name}, so it holds no scope of it.")
        return
    preposition = "to" if changed.change is Change.GRANT else "from"
    for step in changed.account.done:
        done = "authorized for" if step.verb == "authorize" else changed.change.done
        _say(console, f"{done} {step.name}", "green")
    if changed.account.done:
        _say(console, f"{preposition} {who.name} ({who.client_id}), on {api.name}")
    if changed.account.is_complete:
        _say(console, LATER[changed.change])


def show_plan(console: Console, plan: Plan, *, prune: bool | None) -> None:
    """Print how code and Kinde differ.

    Args:
        console: where to.
        plan: how they do.
        prune: whether what is unused will be removed; None if nothing will be changed.
    """
    _title(console, plan.api, f"{_count(len(plan.in_both), 'scope')} in code and Kinde alike")
    if not plan.is_even:
        console.print(_differences(plan, prune=prune))
    if plan.of_sign_in:
        _say(console, f"Of sign-in, and of no API: {', '.join(plan.of_sign_in)}")
    if plan.is_even:
        _say(console, "Code and Kinde agree.", "green")
    elif plan.unused and prune:
        _say(console, "A scope that is removed is gone from every application.", "yellow")


def show_account(console: Console, account: Account) -> None:
    """Print the changes that were made, in their order."""
    for step in account.done:
        _say(console, f"{DONE[step.verb]} {step.name}", "green")


def _differences(plan: Plan, *, prune: bool | None) -> Table:
    table = _table("Scope", "Is" if prune is None else "Will be", "Description, routes")
    missing = Text("missing" if prune is None else "added", "green" if prune is not None else "red")
    for wanted in plan.missing:
        told = _text(wanted.description)
        if wanted.description not in wanted.routes:
            told.append(_text(f"\n{_routes(wanted.routes)}", "dim"))
        table.add_row(_text(wanted.key), missing, told)
    unused = {None: Text("unused", "yellow"), True: Text("removed", "red"), False: Text("kept")}
    for scope in plan.unused:
        why = _text(scope.description)
        why.append("\nno route asks for it" if scope.description else "no route asks for it", "dim")
        table.add_row(_text(scope.key), unused[prune], why)
    return table


def _routes(routes: tuple[str, ...]) -> str:
    more = len(routes) - TOLD_ROUTES
    return ", ".join(routes[:TOLD_ROUTES]) + (f" and {more} more" if more > 0 else "")


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
    """Return text of which a part comes from Kinde, without what a terminal would obey."""
    lines = (printable(line, LONGEST) for line in text.split("\n"))
    return Text("\n".join(lines), style)
