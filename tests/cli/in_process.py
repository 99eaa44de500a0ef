"""The command line in this process: as ``processes.run``, but without a second of start-up."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Protocol

import pytest

import kinde_guard.cli
from tests.cli.processes import environment


@dataclass
class Ended:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


class Command(Protocol):
    def __call__(self, *arguments: str, **environ: str) -> Ended: ...


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str, **environ: str) -> Ended:
        with monkeypatch.context() as patch:
            for name in [*environment(), "KINDE_DOMAIN", "KINDE_AUDIENCE"]:
                if name.startswith("KINDE_"):
                    patch.delenv(name, raising=False)
            for name, value in (environ | {"COLUMNS": environ.get("COLUMNS", "80")}).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["kinde-guard", *arguments])
            capsys.readouterr()
            code = kinde_guard.cli.main()
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return run
