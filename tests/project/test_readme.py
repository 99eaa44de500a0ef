"""The README stays short and tells the truth: its commands, its answers and its limits."""

from __future__ import annotations

import ast
import json
import re

import pytest

import kinde_guard.public
import kinde_guard.webhooks
from kinde_guard import GuardError, InsufficientScope
from kinde_guard.asgi.problem import problem
from kinde_guard.vocabulary import errors
from tests.project.readme import README, ROOT, blocks, command

TEXT = (ROOT / README).read_text()

ABSTRACT = {GuardError, errors.InvalidToken, errors.AccessDenied, errors.TemporarilyUnavailable}

REJECTIONS = {
    kind
    for kind in (*vars(kinde_guard.public).values(), *vars(kinde_guard.webhooks).values())
    if isinstance(kind, type) and issubclass(kind, GuardError)
    if kind not in ABSTRACT and not kind.__name__.startswith("_")
}


def test_readme_has_at_most_250_lines() -> None:
    assert len(TEXT.splitlines()) <= 250


def test_first_block_is_ten_lines_of_code_at_most() -> None:
    (first, *_) = [block.code for block in blocks() if block.language == "python"]
    assert len([line for line in first.splitlines() if line.strip()]) <= 10


def test_json_block_is_the_body_of_a_403() -> None:
    (shown,) = [block.code for block in blocks() if block.language == "json"]
    assert json.loads(shown) == problem(InsufficientScope(("read:users",)))


@pytest.mark.parametrize("section", ["Run", "Test"])
def test_section_has_one_command_line_that_makes_its_own_environment(section: str) -> None:
    line = command(section)
    assert "\n" not in line
    assert line.startswith("python3 -m venv .venv && ")
    assert [block.language for block in blocks() if block.section == section] == ["sh"]


def test_answers_table_has_one_row_for_each_reason_with_its_status() -> None:
    section = TEXT.partition("## Answers")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| .+ \| (\d+) \| `(\w+)` \|$", section, re.MULTILINE)
    assert sorted(rows) == sorted((str(kind.status), kind.reason) for kind in REJECTIONS)


def test_quickstart_is_at_most_twenty_lines() -> None:
    source = (ROOT / "examples" / "quickstart.py").read_text()
    assert len(source.splitlines()) <= 20
    ast.parse(source)
