"""The exception for a question that Kinde did not answer. It never leaves this package."""

from __future__ import annotations


class NoAnswer(Exception):
    """Whether a key is good is not known.

    Args:
        problem: why, for the log; nothing of a key or token.
        retry_after: seconds for which Kinde asked to be left alone; ``None`` if it did not.
    """

    def __init__(self, problem: str, retry_after: float | None = None) -> None:
        super().__init__(problem)
        self.retry_after = retry_after
