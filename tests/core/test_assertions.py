"""An assert of the suite is an assert under ``python -O`` too, where Python itself drops them."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, modules_beside_the_tests

MODULES = list(modules_beside_the_tests(ROOT / "tests"))


def source(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def asserting(module: str) -> bool:
    tree = ast.parse(source(module).read_text())
    return any(isinstance(node, ast.Assert) for node in ast.walk(tree))


ASSERTING = [module for module in MODULES if asserting(module)]


def test_modules_beside_the_tests_are_found() -> None:
    assert {"tests.mint", "tests.core.exchange", "tests.local.console.person"} <= {*MODULES}
    assert not [module for module in MODULES if ".." in module or "site-packages" in module]


@pytest.mark.parametrize("module", ASSERTING)
def test_asserts_of_a_module_beside_the_tests_are_rewritten(module: str) -> None:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert type(spec.loader).__name__ == "AssertionRewritingHook"


PLANTED = """
def check():
    assert False, "planted"
"""
PROBE = """
import pytest
from tests.{name} import check

def test_statement():
    with pytest.raises(AssertionError):
        assert False

def test_module_beside():
    with pytest.raises(AssertionError, match="planted"):
        check()

def test_optimization():
    assert not __debug__

def test_sub_process():
    import subprocess, sys
    assert subprocess.call([sys.executable, "-c", "raise SystemExit(__debug__)"]) == 0
"""


def test_planted_assert_fails_under_optimization(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    for name in ("pyproject.toml", "tests/conftest.py", "tests/mint.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tests / "planted.py").write_text(PLANTED)
    (tests / "test_probe.py").write_text(PROBE.format(name="planted"))
    command = [sys.executable, "-O", "-m", "pytest", "-p", "no:cacheprovider", "tests"]
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert "4 passed" in ended.stdout
