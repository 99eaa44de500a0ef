"""A Management API in the process."""

from __future__ import annotations

import pytest

from tests.api_keys.kinde_api import KindeApi
from tests.mint import FrozenClock


@pytest.fixture
def kinde(clock: FrozenClock, monotonic: FrozenClock) -> KindeApi:
    return KindeApi(clock, monotonic)
