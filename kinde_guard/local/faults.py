"""Faults on demand: how a tenant's endpoints misbehave, for tests of what depends on them.

A fault holds for one endpoint from the moment it is asked for until it is recovered from; of two
for one endpoint the later one counts. Faults are asked for in a test's thread and played in the
server's, so the set of them is a tuple that is only ever replaced. A pause watches it: as soon as
its fault is over, or the server stops, so is the wait.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Literal, Self, get_args

import anyio

from kinde_guard.local.paths import ENDPOINTS, Endpoint

FaultName = Literal[
    "status",
    "slow",
    "trickle",
    "garbage",
    "truncated",
    "invalid_utf8",
    "oversized",
    "redirect",
    "no_keys",
    "unusable_keys",
    "disconnect",
]
FAULT_NAMES: Final[tuple[FaultName, ...]] = get_args(FaultName)
FAULTS_OF_KEY_SETS: Final[frozenset[FaultName]] = frozenset({"no_keys", "unusable_keys"})

TICK: Final = 0.02
"""Seconds between two looks at whether a pause is over."""


@dataclass(frozen=True, eq=False)
class Fault:
    """A fault in force. As a context manager it is over at the end of the block."""

    what: FaultName
    endpoint: Endpoint
    status: int
    seconds: float
    size: int
    end: Callable[[Fault], None] = field(repr=False)

    def __post_init__(self) -> None:
        if self.what not in FAULT_NAMES:
            raise ValueError(f"fault must be one of {', '.join(FAULT_NAMES)}; got {self.what!r}")
        if self.endpoint not in ENDPOINTS:
            raise ValueError(f"endpoint must be one of {', '.join(ENDPOINTS)}")
        if self.what in FAULTS_OF_KEY_SETS and self.endpoint != "jwks":
            raise ValueError(f"the fault {self.what!r} is one of the endpoint 'jwks' only")
        if not 200 <= self.status <= 599:
            raise ValueError(f"status must be from 200 to 599; got {self.status!r}")
        if not (math.isfinite(self.seconds) and self.seconds >= 0 and self.size >= 0):
            raise ValueError("seconds and size must be finite and not negative")

    def recover(self) -> None:
        """End this fault; an earlier one of the same endpoint counts again."""
        self.end(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.recover()


class Faults:
    """The faults in force."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._active: tuple[Fault, ...] = ()
        self._interruptions = 0

    def fail(
        self,
        what: FaultName,
        *,
        endpoint: Endpoint = "jwks",
        status: int = 500,
        seconds: float = 10.0,
        size: int = 1_048_576,
    ) -> Fault:
        """Put a fault into force. See ``LocalKinde.fail``."""
        fault = Fault(what, endpoint, status, seconds, size, self._end)
        with self._lock:
            self._active = (*self._active, fault)
        return fault

    def recover(self) -> None:
        """End every fault."""
        with self._lock:
            self._active = ()

    @property
    def active(self) -> tuple[Fault, ...]:
        """Every fault that is not over, the latest last."""
        return self._active

    def in_force(self, endpoint: Endpoint | None) -> Fault | None:
        """Return the fault that counts for ``endpoint``, if there is one."""
        return next((each for each in reversed(self._active) if each.endpoint == endpoint), None)

    async def pause(self, fault: Fault, seconds: float) -> None:
        """Wait ``seconds``, or until ``fault`` is over or pauses are interrupted."""
        until = time.monotonic() + seconds
        interruptions = self._interruptions
        while fault in self._active and self._interruptions == interruptions:
            left = until - time.monotonic()
            if left <= 0:
                return
            await anyio.sleep(min(left, TICK))

    def interrupt_pauses(self) -> None:
        """End every wait, so that a server may stop; the faults stay in force."""
        with self._lock:
            self._interruptions += 1

    def _end(self, fault: Fault) -> None:
        with self._lock:
            self._active = tuple(each for each in self._active if each is not fault)
