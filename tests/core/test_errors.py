"""Refusals as Python objects: they cross from one process to another, and may be copied."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from kinde_guard import (
    GuardError,
    InsufficientPermissions,
    InsufficientScope,
    KeysUnavailable,
    MissingToken,
)

ERRORS = [
    MissingToken(),
    InsufficientScope(("read:users",)),
    InsufficientPermissions(("create:todos",)),
    KeysUnavailable(7),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],
    ids=["copied", "copied-deeply", "pickled"],
)
def test_error_is_the_same_afterwards(
    again: Callable[[GuardError], GuardError], error: GuardError
) -> None:
    twin = again(error)
    assert type(twin) is type(error)
    assert (str(twin), twin.args, vars(twin)) == (error.description, error.args, vars(error))
