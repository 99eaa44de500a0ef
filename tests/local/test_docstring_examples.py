"""Every example in the docstrings of local Kinde runs, and says what it promises."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import kinde_guard.local

MODULES = ["kinde_guard.local"] + [
    f"kinde_guard.local.{module.name}"
    for module in pkgutil.iter_modules(kinde_guard.local.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_its_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
