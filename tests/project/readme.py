"""The documents, taken apart: their fenced code blocks by language and by section.

``python3 tests/project/readme.py Run`` prints the one command of a section of the README; it needs
nothing but the standard library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

README = "README.md"

FOLDERS = ("kinde_guard", "examples", "tests")

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced code block."""

    section: str
    language: str
    code: str


def documents() -> list[str]:
    """Return the path of every document, from the root of the repository."""
    below = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))
    own = (path for path in below if "node_modules" not in path.parts)
    return [README, "CHANGELOG.md", *sorted(str(path.relative_to(ROOT)) for path in own)]


def blocks(document: str = README) -> list[Block]:
    """Return every code block of a document, in order."""
    sections = re.split(r"^## (.+)$", (ROOT / document).read_text(), flags=re.MULTILINE)
    titled = [("", sections[0]), *zip(sections[1::2], sections[2::2], strict=True)]
    return [
        Block(title, language, code)
        for title, body in titled
        for language, code in _FENCE.findall(body)
    ]


def command(section: str) -> str:
    """Return the one command line of a section of the README."""
    (block,) = [block for block in blocks() if block.section == section]
    return block.code.strip()


if __name__ == "__main__":
    import sys

    print(command(sys.argv[1]))
