"""The terminal: tables that keep their width in a file, and a progress bar that leaves no trace."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

#: Columns where the output is a file or a pipe, which have no width of their own.
WIDTH = 110

T = TypeVar("T")


def console() -> Console:
    """Return a console on standard output."""
    return Console(width=None if sys.stdout.isatty() else WIDTH)


def steps(what: str, each: Sequence[T], shown: Console) -> Iterable[T]:
    """Go through ``each`` behind a progress bar."""
    return track(each, f"{what:<9}", console=shown, transient=True)
