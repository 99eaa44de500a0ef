"""What is mutated, with which tests, and which changes are known to mean the same."""

from __future__ import annotations

import difflib
import shutil
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.toml")

#: What pytest loads: no more than the tests of the targets use, because each mutant loads it anew.
PLUGINS = ("anyio.pytest_plugin", "_hypothesis_pytestplugin")
PYTEST = [*(word for name in PLUGINS for word in ("-p", name)), "-p", "no:cacheprovider"]
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@dataclass(frozen=True)
class Target:
    """A module, and the tests that must notice every change to it."""

    path: str
    tests: tuple[str, ...]


TARGETS = {
    Path(path).name: Target(f"kinde_guard/{path}.py", tuple(f"tests/{test}.py" for test in tests))
    for path, tests in {
        "verification/claims": ("core/test_claims",),
        "verification/scopes": ("core/test_scopes",),
        "jose/compact_jws": ("core/test_jws",),
        "asgi/public_paths": ("core/test_public_paths",),
        "audit/path_template": ("audit/test_path_template",),
    }.items()
}


@dataclass(frozen=True, order=True)
class Change:
    """One change to a module, told by its lines, which stay the same when others move."""

    module: str
    where: str
    was: str
    becomes: str

    def __str__(self) -> str:
        return f"{self.module}, {self.where}\n  - {self.was}\n  + {self.becomes}"


@dataclass(frozen=True)
class Mutant:
    """A change that was tried."""

    change: Change
    survived: bool


def change_between(module: str, where: str, before: str, after: str) -> Change:
    """Return the change from one text of a module, or of a part of it, to another."""
    diff = difflib.ndiff(before.splitlines(), after.splitlines())
    lines = [line for line in diff if line[:2] in {"- ", "+ "}]
    return change_of(module, where, lines)


def change_of(module: str, where: str, diff: Collection[str]) -> Change:
    """Return the change that the lines of a diff tell."""
    was = " ".join(line[1:].strip() for line in diff if line.startswith("-"))
    becomes = " ".join(line[1:].strip() for line in diff if line.startswith("+"))
    return Change(module, where, was, becomes)


def explained(modules: Collection[str]) -> dict[Change, str]:
    """Return why some changes to these modules cannot be noticed."""
    entries = tomllib.loads(EQUIVALENT.read_text())["mutant"]
    reasons = {
        Change(one["module"], one["where"], one["was"], becomes): one["why"]
        for one in entries
        for becomes in one["becomes"]
    }
    return {change: why for change, why in reasons.items() if change.module in modules}


def copy_into(folder: Path) -> Path:
    """Copy what the tests of the core need, and return where the copy lies."""
    ignore = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "results")
    for name in ("kinde_guard", "tests/core"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("pyproject.toml", "tests/conftest.py", "tests/mint.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder
