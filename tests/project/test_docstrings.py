"""Every public name is documented, and every example in a docstring runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import pkgutil
from types import ModuleType
from unittest.mock import patch

import pytest

import kinde_guard
from kinde_guard import public

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(kinde_guard.__path__, "kinde_guard.")
    if not module.name.endswith("__main__")
)
CALLABLES = sorted(name for name in public.__all__ if callable(getattr(public, name)))


@pytest.mark.parametrize("name", ["kinde_guard", *MODULES])
def test_examples_of_module_run(name: str) -> None:
    module: ModuleType = importlib.import_module(name)
    with patch.dict(os.environ):
        assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


@pytest.mark.parametrize("name", ["kinde_guard", *MODULES])
def test_module_says_what_it_promises(name: str) -> None:
    assert importlib.import_module(name).__doc__


@pytest.mark.parametrize("name", CALLABLES)
def test_public_name_says_what_it_is_for(name: str) -> None:
    assert inspect.getdoc(getattr(kinde_guard, name))
