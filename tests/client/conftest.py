"""A token endpoint in the process, and a local Kinde over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kinde_guard.local import LocalKinde
from tests.client.token_endpoint import TokenEndpoint
from tests.mint import FrozenClock


@pytest.fixture
def endpoint(clock: FrozenClock, monotonic: FrozenClock) -> Iterator[TokenEndpoint]:
    endpoint = TokenEndpoint(clock, monotonic)
    yield endpoint
    endpoint.gate.set()


@pytest.fixture
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde() as kinde:
        yield kinde
