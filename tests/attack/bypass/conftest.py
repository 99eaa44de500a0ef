"""A guard of the tenant on frozen clocks, before an application that notes whom it served."""

from __future__ import annotations

from typing import Any

import pytest

from kinde_guard import KindeGuard
from tests.mint import AUDIENCE, DOMAIN, FrozenClock, KeyServer

pytest.register_assert_rewrite("tests.attack.bypass.target", "tests.core.exchange")

from tests.attack.bypass.target import PUBLIC, MakeGuard, Target  # noqa: E402


@pytest.fixture
def make_guard(key_server: KeyServer, clock: FrozenClock, monotonic: FrozenClock) -> MakeGuard:
    """Make a guard; keyword arguments are settings."""

    def make(domain: str = DOMAIN, **settings: Any) -> KindeGuard:
        defaults: dict[str, Any] = {
            "audience": AUDIENCE,
            "clock": clock,
            "monotonic": monotonic,
            "http_client": key_server.client(),
            "public_paths": PUBLIC,
        }
        return KindeGuard(domain, **{**defaults, **settings})

    return make


@pytest.fixture
def target(make_guard: MakeGuard) -> Target:
    return Target(make_guard())
