"""Runs changes in order and records the result of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from kinde_guard.cli.scopes.management import ManagementError
from kinde_guard.client import ClientCredentialsError


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the tenant.

    Attributes:
        verb: the action, such as "grant".
        name: the object of the action, mostly a scope.
        run: makes the change.
    """

    verb: str
    name: str
    run: Callable[[], None] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Execution:
    """The result of a sequence of steps: all done, or stopped at the first failure."""

    done: tuple[Step, ...]
    failed: Step | None = None
    error: str = ""
    not_tried: tuple[Step, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every step succeeded."""
        return self.failed is None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "done": [_named(step) for step in self.done],
            "failed": self.failed and {**_named(self.failed), "error": self.error},
            "not_tried": [_named(step) for step in self.not_tried],
        }

    def failure(self) -> str:
        """Return one line: the step that failed, and the steps before and after it."""
        if self.failed is None:
            return ""
        message = f"{self.failed.verb} {self.failed.name} failed: {self.error}"
        if self.not_tried:
            message += f"; not tried: {', '.join(step.name for step in self.not_tried)}"
        if self.done:
            message += f"; done and kept: {', '.join(step.name for step in self.done)}"
        return f"{message}; the same command may be run again"


def execute(steps: Iterable[Step]) -> Execution:
    """Run the steps in order and stop at the first failure."""
    every, done = list(steps), list[Step]()
    for step in every:
        try:
            step.run()
        except (ManagementError, ClientCredentialsError) as error:
            return Execution(tuple(done), step, str(error), tuple(every[len(done) + 1 :]))
        done.append(step)
    return Execution(tuple(done))


def _named(step: Step) -> dict[str, str]:
    return {"action": step.verb, "name": step.name}
