"""How hard to try: the short form by default, the long one where ``KINDE_GUARD_NIGHTLY`` is set."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def nightly() -> bool:
    """Whether to take the long form of an attack, of minutes instead of seconds."""
    return bool(os.environ.get("KINDE_GUARD_NIGHTLY"))
