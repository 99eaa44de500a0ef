"""The README tells the truth: every code block in it runs, and its answers are the real ones."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kinde_guard import InsufficientScope, errors
from kinde_guard.asgi.problem import problem
from kinde_guard.local.management import implemented, not_implemented
from kinde_guard.vocabulary.settings import SETTING_NAMES
from tests.project.readme import ROOT, blocks, command

PYTHON = [block.code for block in blocks() if block.language == "python"]
TENANT = {"KINDE_DOMAIN": "acme.kinde.com", "KINDE_AUDIENCE": "https://api.acme.com"}


@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.splitlines()[-1][:40])
def test_python_block_runs_on_its_own(code: str, tmp_path: Path) -> None:
    program = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(
        program, cwd=tmp_path, env=os.environ | TENANT, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_every_block_is_of_a_language_that_a_test_runs() -> None:
    assert {block.language for block in blocks()} == {"python", "sh", "json"}


def test_first_block_is_ten_lines_of_code_at_most() -> None:
    lines = [line for line in PYTHON[0].splitlines() if line.strip()]
    assert len(lines) <= 10


def test_json_block_is_the_body_of_a_403() -> None:
    (shown,) = [block.code for block in blocks() if block.language == "json"]
    assert json.loads(shown) == problem(InsufficientScope(("read:users",)))


@pytest.mark.parametrize("section", ["Run", "Test"])
def test_section_has_one_command_line_that_makes_its_own_environment(section: str) -> None:
    line = command(section)
    assert "\n" not in line
    assert line.startswith("python3 -m venv .venv && ")
    assert [block.language for block in blocks() if block.section == section] == ["sh"]


def test_settings_table_names_every_setting() -> None:
    guide = (ROOT / "README.md").read_text().partition("### Settings")[2].partition("###")[0]
    rows = [line for line in guide.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == SETTING_NAMES


def test_answers_table_names_every_reason() -> None:
    answers = (ROOT / "README.md").read_text().partition("### Answers")[2].partition("###")[0]
    abstract = {errors.GuardError, errors.InvalidToken, errors.AccessDenied}
    reasons = {
        kind.reason
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.GuardError) and kind not in abstract
    }
    table = [line.split("|")[3] for line in answers.splitlines() if line.startswith("| ")][1:]
    assert {name for cell in table for name in re.findall(r"`(\w+)`", cell)} == reasons


def test_management_table_names_what_local_kinde_does_not_answer() -> None:
    table = (ROOT / "README.md").read_text().partition("| below `/api/v1`")[2].partition("\n\n")[0]
    answered, refused = implemented(), not_implemented()
    told = f"Management API's {len(answered) + len(refused)} operations {len(answered)} are there"
    assert told in (ROOT / "README.md").read_text()
    subjects = {endpoint.path.split("/")[3] for endpoint in refused}
    assert {name for name in subjects if f"`{name}" not in table} == set()


def test_quickstart_is_at_most_twenty_lines() -> None:
    source = (ROOT / "examples" / "quickstart.py").read_text()
    assert len(source.splitlines()) <= 20
    ast.parse(source)
