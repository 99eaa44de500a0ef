"""A front end of a running local Kinde, with a browser that nobody has signed in at yet."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from kinde_guard.local import FRONT_END_CLIENT_ID, LocalKinde
from tests.local.sign_in.front_end import FrontEnd


@pytest.fixture
def kinde(shared_kinde: LocalKinde) -> Iterator[LocalKinde]:
    """The module's local Kinde, as good as new after each test."""
    before = shared_kinde.store.snapshot()
    yield shared_kinde
    shared_kinde.recover()
    shared_kinde.clock.reset()
    shared_kinde.store.restore(before)


@pytest.fixture
def front_end(http: httpx.Client) -> FrontEnd:
    return FrontEnd(http, FRONT_END_CLIENT_ID)


@pytest.fixture
def website(http: httpx.Client, kinde: LocalKinde) -> FrontEnd:
    application = next(each for each in kinde.applications if each.type == "reg")
    return FrontEnd(http, application.client_id, application.client_secret)
