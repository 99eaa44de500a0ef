"""A local Kinde over TLS for each module, and what runs Kinde's clients against it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kinde_guard.local import Application, LocalKinde
from tests.clients import real_clients


@pytest.fixture(scope="module")
def kinde() -> Iterator[LocalKinde]:
    with LocalKinde(tls=True) as kinde:
        yield kinde


@pytest.fixture(scope="module")
def back_office(kinde: LocalKinde) -> Application:
    """An application that holds every scope of the Users API."""
    return kinde.applications[0]


@pytest.fixture(scope="session")
def node() -> real_clients.Runtime:
    return real_clients.node()


@pytest.fixture(scope="session")
def python() -> real_clients.Runtime:
    return real_clients.python()
