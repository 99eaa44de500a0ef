"""Groups of switches in a form: which rows there are, and what was switched on and off.

Beside each switch that is on, the form carries a hidden field that says so: what changed meanwhile
elsewhere, and was not switched here, stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from kinde_guard.local.console.form import Form
from kinde_guard.local.console.problems import Invalid
from kinde_guard.local.store import NotThere


@dataclass(frozen=True)
class Switch:
    """One row: what is switched, and whether it is on."""

    id: str
    key: str
    hint: str
    is_on: bool


def switch_all(
    form: Form,
    name: str,
    known: Collection[str],
    give: Callable[[str], None],
    take: Callable[[str], None],
) -> int:
    """Give what was switched on and take what was switched off; return how many those are.

    Args:
        form: what was sent.
        name: the field of the group.
        known: the ids that there are now.
        give: called for each id that is now on.
        take: called for each id that is now off.

    Raises:
        Invalid: something that is to be given is gone.
    """
    on, was_on = frozenset(form.every(name)), frozenset(form.every(f"was_{name}"))
    if not frozenset(known) >= on - was_on:
        raise Invalid("Nothing was saved: the rows have changed since the page was opened.")
    for each in on - was_on:
        give(each)
    for each in was_on - on:
        _take(take, each)
    return len(on ^ was_on)


def saved(changed: int) -> str:
    """Return the sentence for that many switches."""
    if not changed:
        return "Nothing was changed: every switch was as it is."
    return "Saved. Tokens that were issued before keep what they hold until they expire."


def _take(take: Callable[[str], None], row_id: str) -> None:
    try:
        take(row_id)
    except NotThere:
        # Taken or deleted meanwhile: it is as the form wants it.
        return
