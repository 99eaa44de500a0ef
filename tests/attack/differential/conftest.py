"""One stage for all comparisons: making RSA keys takes longer than using them."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.attack.differential.stage import Stage


@pytest.fixture(scope="session")
def stage() -> Stage:
    return Stage()


@pytest.fixture(autouse=True)
def _quiet_key_sets() -> Iterator[None]:
    # Every new guard says again which of the published keys are unfit.
    logger = logging.getLogger("kinde_guard.keys")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(level)
