"""Fixtures shared by the whole suite: one event loop backend, keys made once, frozen clocks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]


def modules_beside_the_tests(folder: Path) -> Iterator[str]:
    """Yield the modules whose asserts pytest leaves to Python, which drops them under ``-O``."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith((".", "_", "node_modules")):
            yield from modules_beside_the_tests(path)
        elif path.suffix == ".py" and path.stem != "conftest" and path.stem[:5] != "test_":
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


pytest.register_assert_rewrite(*modules_beside_the_tests(ROOT / "tests"))
if not __debug__:
    # Commands that tests start run as the tests do.
    os.environ.setdefault("PYTHONOPTIMIZE", "1")

from tests.mint import KID, OTHER_KID, FrozenClock, KeyServer, SigningKey, Tenant  # noqa: E402

settings.register_profile("suite", deadline=None, max_examples=100, derandomize=True)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def key() -> SigningKey:
    """The tenant's current signing key."""
    return SigningKey.rsa(KID)


@pytest.fixture(scope="session")
def other_key() -> SigningKey:
    """Another RSA key with another key id: the next key, or a stranger's."""
    return SigningKey.rsa(OTHER_KID)


@pytest.fixture(scope="session")
def ec_key() -> SigningKey:
    return SigningKey.ec("ec-256")


@pytest.fixture
def clock() -> FrozenClock:
    """The wall clock, for the times in tokens."""
    return FrozenClock()


@pytest.fixture
def monotonic() -> FrozenClock:
    """The monotonic clock, for the ages of keys."""
    return FrozenClock(1000.0)


@pytest.fixture
def tenant(key: SigningKey, clock: FrozenClock) -> Tenant:
    return Tenant(key, clock)


@pytest.fixture
def key_server(key: SigningKey) -> KeyServer:
    return KeyServer(key)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that skipped something where nothing may be skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("KINDE_GUARD_FORBID_SKIPS"):
        return
    for report in reporter.stats.get("skipped", []):
        reporter.write_line(f"may not be skipped here: {report.nodeid}: {report.longrepr[-1]}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
