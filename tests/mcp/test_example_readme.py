"""The guide beside the example servers: its commands run, and its files and scopes are real."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from kinde_guard.mcp import guard_tools

pytest.importorskip("mcp", reason="the extra mcp is not installed")
pytest.importorskip("fastmcp", reason="the extra fastmcp is not installed")

from examples.mcp_server.invoices import TOOLS

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "examples" / "mcp_server" / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_the_guide_shows_the_refusal_and_then_the_success(command: str) -> None:
    python, *arguments = shlex.split(command)
    assert python == "python"
    shown = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.splitlines()
    assert len(shown) == 3
    assert shown[0].startswith("403 Bearer ")
    assert 'scope="invoices:read invoices:write"' in shown[0]
    assert shown[1] == "refused: The access token lacks a scope that this request needs."
    assert shown[2] == "done: Invoice 1 for Ada"


def test_scopes_in_the_guide_are_those_of_the_example() -> None:
    [block] = blocks("python")
    shown = eval(block, {"guard_tools": guard_tools})
    assert shown.tools == {name: tuple(TOOLS[name]) for name in shown.tools}


def test_files_of_the_guide_are_there() -> None:
    for name in re.findall(r"\]\((\w+\.py)\)", GUIDE.read_text()):
        assert (GUIDE.parent / name).exists()
