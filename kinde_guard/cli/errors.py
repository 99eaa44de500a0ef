"""Exceptions that end a command with one line on standard error and an exit code."""

from __future__ import annotations

from typer import TyperException


class Finding(TyperException):
    """The command ran and detected a fault: exit code 1."""


class WrongUsage(TyperException):
    """The arguments or the configuration are wrong: exit code 2."""

    exit_code = 2
