"""The README, taken apart: its fenced code blocks by language and by section."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced code block."""

    section: str
    language: str
    code: str


def blocks() -> list[Block]:
    """Return every code block of the README, in order."""
    text = (ROOT / "README.md").read_text()
    sections = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    titled = [("", sections[0]), *zip(sections[1::2], sections[2::2], strict=True)]
    return [
        Block(title, language, code)
        for title, body in titled
        for language, code in _FENCE.findall(body)
    ]


def command(section: str) -> str:
    """Return the one command line of a section."""
    (block,) = [block for block in blocks() if block.section == section]
    return block.code.strip()


if __name__ == "__main__":
    import sys

    print(command(sys.argv[1]))
