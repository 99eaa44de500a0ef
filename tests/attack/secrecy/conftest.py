"""Marks, and every log line of the process from the level DEBUG on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from logging import Logger
from typing import Any

import pytest

from kinde_guard import KindeGuard
from tests.mint import AUDIENCE, DOMAIN, FrozenClock, KeyServer

pytest.register_assert_rewrite("tests.attack.secrecy.marks", "tests.attack.secrecy.loaded")

from tests.attack.secrecy.marks import Marks  # noqa: E402

MakeGuard = Callable[..., KindeGuard]


@pytest.fixture
def marks() -> Marks:
    return Marks()


class Logs(logging.Handler):
    """Every record of every logger: its text, its arguments and its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._told: list[tuple[str, str]] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        members = {name: value for name, value in vars(record).items() if name != "exc_info"}
        self._told.append((record.name, f"{self.format(record)}\n{members!r}"))

    @property
    def text(self) -> str:
        return "\n".join(text for _, text in self._told)

    def without(self, *rooms: str) -> str:
        """Return the records of all loggers but these and those below them."""
        below = tuple(f"{room}." for room in rooms)
        kept = (text for name, text in self._told if not f"{name}.".startswith(below))
        return "\n".join(kept)


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Listen to the root logger, and to those that keep their records to themselves."""
    handler = Logs()
    known = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, Logger)]
    deaf = [one for one in known if one.level or one.disabled or not one.propagate]
    before = [(one, one.level, one.propagate, one.disabled) for one in (logging.root, *deaf)]
    for one, *_ in before:
        one.setLevel(logging.DEBUG)
        one.propagate, one.disabled = True, False
    logging.root.addHandler(handler)
    yield handler
    logging.root.removeHandler(handler)
    for one, level, propagate, disabled in before:
        one.setLevel(level)
        one.propagate, one.disabled = propagate, disabled


@pytest.fixture
def make_guard(key_server: KeyServer, clock: FrozenClock, monotonic: FrozenClock) -> MakeGuard:
    """Make a guard; keyword arguments are settings."""

    def make(domain: str = DOMAIN, **settings: Any) -> KindeGuard:
        defaults: dict[str, Any] = {
            "audience": AUDIENCE,
            "clock": clock,
            "monotonic": monotonic,
            "http_client": key_server.client(),
        }
        return KindeGuard(domain, **{**defaults, **settings})

    return make
