"""A tenant on loopback whose fetches are counted, on the clock of the wall."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.mint import FrozenClock, LoopbackKeyServer, SigningKey, Tenant

pytest.register_assert_rewrite("tests.core.exchange")


@pytest.fixture
def keys(key: SigningKey) -> Iterator[LoopbackKeyServer]:
    """The tenant's key set on a real socket."""
    server = LoopbackKeyServer()
    server.publish(key)
    with server.running():
        yield server


@pytest.fixture
def resident(keys: LoopbackKeyServer, key: SigningKey) -> Tenant:
    """A tenant whose tokens are good now, for servers that run in processes of their own."""
    return Tenant(key, FrozenClock(int(time.time())), issuer=keys.issuer)
