"""Is every line of the policy tested? Breaks it in hundreds of small ways and runs its tests.

    python -m tests.mutation [MODULE …]     # needs the extra "mutation"

Each mutant is one change to one of the modules that decide about a token: another comparison, a
missing argument, a table with one character less. One that no test notices survives. Survivors that
mean the same as the original are explained in ``equivalent.toml``; any other makes this command
fail, as does an explanation that explains nothing any more.

What is changed is a copy in a temporary folder, never the repository.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.mutation import bodies, surroundings
from tests.mutation.mutants import EQUIVALENT, TARGETS, Change, Mutant, explained

console = Console()


def main() -> int:
    """Run, report and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(TARGETS))
    parser.add_argument("--jobs", type=int, default=2, help="mutants to try at once [2]")
    options = parser.parse_args()
    modules = options.modules or list(TARGETS)
    if unknown := {*modules} - {*TARGETS}:
        parser.error(f"no targets: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    if shutil.which("mutmut", path=str(Path(sys.executable).parent)) is None:
        parser.error('mutmut is missing: pip install --editable ".[mutation]"')
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        mutants = [
            *surroundings.tried(modules, Path(folder), options.jobs),
            *bodies.tried(modules, Path(folder), options.jobs),
        ]
    return report(modules, mutants)


def report(modules: Sequence[str], mutants: Sequence[Mutant]) -> int:
    """Print what became of the mutants; return 1 where something is left to do."""
    reasons = explained(modules)
    survivors = [one for one in mutants if one.survived]
    unexplained = [one for one in survivors if one.change not in reasons]
    stale = {*reasons} - {one.change for one in survivors}
    console.print(_table(modules, mutants, {*reasons}))
    _tell("nothing noticed this; add a test, or explain it in equivalent.toml", unexplained)
    for change in sorted(stale):
        console.print(f"[red]{EQUIVALENT.name} explains what did not survive:[/]")
        _print(change)
    return 1 if unexplained or stale else 0


def _table(modules: Sequence[str], mutants: Iterable[Mutant], reasons: set[object]) -> Table:
    table = Table("module", "mutants", "noticed", "equivalent", "unnoticed")
    for module in modules:
        own = [one for one in mutants if one.change.module == module]
        alive = [one for one in own if one.survived]
        same = sum(one.change in reasons for one in alive)
        counts = (len(own), len(own) - len(alive), same, len(alive) - same)
        table.add_row(TARGETS[module].path, *map(str, counts))
    return table


def _tell(what: str, mutants: Iterable[Mutant]) -> None:
    for one in mutants:
        console.print(f"[red]{what}:[/]")
        _print(one.change)


def _print(change: Change) -> None:
    console.print(str(change), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    raise SystemExit(main())
