"""The fault matrix, played once in a run for all tests that look at it."""

from __future__ import annotations

import pytest

from tests.attack.faults.matrix import Matrix


@pytest.fixture(scope="session")
def matrix(nightly: bool) -> Matrix:
    """Return the matrix; in the long form the pauses between tries grow to their limit."""
    return Matrix(tries=8 if nightly else None)
