"""How a command ends when it cannot do what was asked: one line, and an exit code."""

from __future__ import annotations

from typer import TyperException


class Finding(TyperException):
    """The command was understood, and the world is not as it should be: exit code 1."""


class WrongUsage(TyperException):
    """The command cannot run as it was called or configured: exit code 2."""

    exit_code = 2
