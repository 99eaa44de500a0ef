"""The repository keeps to its rules: what lies at the top, and what no file may say."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

import kinde_guard.public

ROOT = Path(__file__).parents[2]
TOP = {
    "pyproject.toml",
    "kinde_guard",
    "examples",
    "tests",
    "README.md",
    ".ci",
    "LICENSE",
    "CHANGELOG.md",
    ".gitignore",
}
# Put together here so that this file does not name them itself.
UNWANTED = re.compile(
    "|".join(["py" + r"pi\.org", "pythonhosted" + r"\.org", "npm" + r"js\.(org|com)"])
)


def _tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    return [Path(name) for name in listed.split("\0") if name]


def test_top_level_holds_nothing_else() -> None:
    assert {path.parts[0] for path in _tracked()} == TOP


def test_no_file_names_a_registry() -> None:
    named = [
        path for path in _tracked() if UNWANTED.search((ROOT / path).read_text(errors="replace"))
    ]
    assert named == []


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "helpers", "common", "misc"}
    assert [path for path in _tracked() if path.stem in drawers] == []


def test_package_imports_its_modules_by_their_full_names() -> None:
    # "from kinde_guard import module" asks for a public name first, and so imports all of them:
    # a circle, wherever that module is on the way to them.
    public = set(kinde_guard.public.__all__)
    for path in sorted((ROOT / "kinde_guard").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "kinde_guard":
                assert {alias.name for alias in node.names} <= public, path.name
