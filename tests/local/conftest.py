"""A local Kinde that serves a whole module, and the few words in which tests talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from kinde_guard.local import Application, LocalKinde
from tests.local.clients import NOW


@pytest.fixture(scope="module")
def shared_kinde() -> Iterator[LocalKinde]:
    """A running local Kinde with a frozen clock."""
    with LocalKinde(clock=lambda: NOW) as kinde:
        yield kinde


@pytest.fixture
def kinde(shared_kinde: LocalKinde) -> Iterator[LocalKinde]:
    """The module's local Kinde; no fault outlives its test."""
    yield shared_kinde
    shared_kinde.recover()


@pytest.fixture
def http(kinde: LocalKinde) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=kinde.issuer, timeout=5) as client:
        yield client


@pytest.fixture
def back_office(kinde: LocalKinde) -> Application:
    return kinde.applications[0]


@pytest.fixture
def reporting(kinde: LocalKinde) -> Application:
    return kinde.applications[1]
