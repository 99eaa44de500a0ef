"""The command line in a process of its own, as its user runs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kinde_guard.local import LocalKinde


@pytest.fixture(scope="module")
def kinde() -> Iterator[LocalKinde]:
    """A tenant that stands in for a real one."""
    with LocalKinde() as kinde:
        yield kinde
