"""What was tried, as the tests tell it: ``python -m tests.attack.bypass.tried [--all]``.

Each test of this folder says in its docstring what is tried and, after ``Seen:``, who was bypassed
by it or where it is described. ``--all`` lists every attack; without it there is one row a file,
with the cases that have a number. The README shows the latter; a test compares the two.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

HERE = Path(__file__).parent
BEGIN, END = "<!-- tried -->", "<!-- /tried -->"

_NUMBERED = re.compile(r"CVE-|GHSA-|issue \d|pull request \d")


@dataclass(frozen=True)
class Attack:
    """One test.

    Attributes:
        file: the file that it stands in.
        subject: what that file is about.
        test: its name.
        what: the first part of its docstring, "" if it has none.
        seen: the part after ``Seen:``, "" if it has none.
    """

    file: str
    subject: str
    test: str
    what: str
    seen: str


def attacks() -> Iterator[Attack]:
    """Yield every attack, in the order of its files."""
    for path in sorted(HERE.glob("test_*.py")):
        if path.name == "test_tried.py":
            continue
        module = ast.parse(path.read_text(encoding="utf-8"))
        subject = _one_line(ast.get_docstring(module) or "")
        for node in module.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name.startswith("test_"):
                what, _, seen = (ast.get_docstring(node) or "").partition("Seen:")
                yield Attack(path.name, subject, node.name, _one_line(what), _one_line(seen))


def summary() -> str:
    """Return one row a file, as Markdown."""
    lines = ["| what was tried | attacks | known cases | test |", "|---|---|---|---|"]
    for file, group in groupby(attacks(), attrgetter("file")):
        every = list(group)
        known = dict.fromkeys(case for one in every for case in _cases(one.seen))
        cells = (every[0].subject, str(len(every)), "; ".join(known) or "none", f"`{file}`")
        lines.append(_row(*cells))
    return "\n".join(lines)


def every_attack() -> str:
    """Return one row an attack, as Markdown."""
    lines = ["| what was tried | seen | test |", "|---|---|---|"]
    rows = (_row(one.what, one.seen, f"`{one.file}::{one.test}`") for one in attacks())
    return "\n".join([*lines, *rows])


def _cases(seen: str) -> Iterator[str]:
    bare = re.sub(r" \([^)]*\)", "", seen).removesuffix(".")
    yield from (case.strip() for case in bare.split(";") if _NUMBERED.search(case))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _row(*cells: str) -> str:
    texts = (re.sub(r"``(.+?)``", r"`\1`", cell).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(text.removesuffix('.') for text in texts)} |"


if __name__ == "__main__":
    print(every_attack() if "--all" in sys.argv else summary())
