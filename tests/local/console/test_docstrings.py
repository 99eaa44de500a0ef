"""Every example in the docstrings of the console runs, and says what it promises."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import kinde_guard.local.console

MODULES = [
    f"kinde_guard.local.console.{module.name}"
    for module in pkgutil.iter_modules(kinde_guard.local.console.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_its_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
