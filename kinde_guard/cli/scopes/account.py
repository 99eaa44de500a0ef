"""Changes that are made one after the other, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from kinde_guard.cli.scopes.management import ManagementError
from kinde_guard.client import ClientCredentialsError


@dataclass(frozen=True, slots=True)
class Step:
    """One change that is to be made.

    Attributes:
        verb: what is done, such as "grant".
        name: of what it is done with, mostly a scope.
        run: does it.
    """

    verb: str
    name: str
    run: Callable[[], None] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the steps: all were made, or one failed and the rest were not tried."""

    done: tuple[Step, ...]
    failed: Step | None = None
    error: str = ""
    not_tried: tuple[Step, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether every step was made."""
        return self.failed is None

    def to_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "done": [_named(step) for step in self.done],
            "failed": self.failed and {**_named(self.failed), "error": self.error},
            "not_tried": [_named(step) for step in self.not_tried],
        }

    def failure(self) -> str:
        """Return, as one line, what failed and what that leaves undone."""
        if self.failed is None:
            return ""
        says = f"{self.failed.verb} {self.failed.name} failed: {self.error}"
        if self.not_tried:
            says += f"; not tried: {', '.join(step.name for step in self.not_tried)}"
        if self.done:
            says += f"; done and kept: {', '.join(step.name for step in self.done)}"
        return f"{says}; the same command may be run again"


def carry_out(steps: Iterable[Step]) -> Account:
    """Make the changes in order, and stop at the first that fails."""
    every, done = list(steps), list[Step]()
    for step in every:
        try:
            step.run()
        except (ManagementError, ClientCredentialsError) as error:
            return Account(tuple(done), step, str(error), tuple(every[len(done) + 1 :]))
        done.append(step)
    return Account(tuple(done))


def _named(step: Step) -> dict[str, str]:
    return {"action": step.verb, "name": step.name}
