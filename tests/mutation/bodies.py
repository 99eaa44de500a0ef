"""Mutants of what functions do, made and tried by mutmut.

mutmut changes the bodies of functions and methods that have no decorator, and tries each mutant
with the tests that reach it. What it leaves alone is for :mod:`tests.mutation.surroundings`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.progress import Progress

from tests.mutation.mutants import (
    ENVIRONMENT,
    PYTEST,
    TARGETS,
    Change,
    Mutant,
    change_of,
    copy_into,
)

# Exit codes of pytest in a mutant, as mutmut writes them down.
SURVIVED, NO_TESTS = 0, 33


def tried(modules: Sequence[str], folder: Path, jobs: int) -> Iterator[Mutant]:
    """Try every mutant of these modules' functions."""
    copy = copy_into(folder / "bodies")
    with (copy / "pyproject.toml").open("a") as file:
        file.write(_configuration(modules))
    _run(copy, jobs)
    for module in modules:
        for name, code in _results(copy, module).items():
            survived = code in {SURVIVED, NO_TESTS}
            yield Mutant(_change(copy, module, name, survived=survived), survived)


def _configuration(modules: Sequence[str]) -> str:
    targets = [TARGETS[module] for module in modules]
    return "\n".join(
        [
            "[tool.mutmut]",
            # Seconds, so that a busy machine is not taken for a test that noticed something.
            "timeout_constant = 120.0",
            'source_paths = ["kinde_guard"]',
            f"only_mutate = {json.dumps([one.path for one in targets])}",
            f"pytest_add_cli_args = {json.dumps(PYTEST)}",
            "pytest_add_cli_args_test_selection = "
            + json.dumps([test for one in targets for test in one.tests]),
        ]
    )


def _run(copy: Path, jobs: int) -> None:
    log = copy / "mutmut.log"
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(jobs)]
    with log.open("w") as output, Progress() as progress:
        task = progress.add_task("bodies of functions", total=None)
        process = subprocess.Popen(
            command, cwd=copy, env=os.environ | ENVIRONMENT, stdout=output, stderr=output
        )
        while process.poll() is None:
            time.sleep(0.5)
            _advance(log, progress, task)
    if process.returncode:
        raise SystemExit(log.read_text().replace("\r", "\n")[-3000:])


def _advance(log: Path, progress: Progress, task: object) -> None:
    counts = re.findall(r"(\d+)/(\d+) ", log.read_text(errors="replace")[-500:])
    if counts:
        done, total = map(int, counts[-1])
        progress.update(task, completed=done, total=total)  # type: ignore[arg-type]


def _results(copy: Path, module: str) -> dict[str, int]:
    meta = copy / "mutants" / f"{TARGETS[module].path}.meta"
    codes: dict[str, int] = json.loads(meta.read_text())["exit_code_by_key"]
    return codes


def _change(copy: Path, module: str, name: str, *, survived: bool) -> Change:
    where = _where(name)
    if not survived:
        return Change(module, where, name, "")
    shown = subprocess.run(
        [sys.executable, "-m", "mutmut", "show", name],
        cwd=copy,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    diff = shown.stdout.splitlines()
    return change_of(module, where, [line for line in diff if not re.match(r"---|\+\+\+", line)])


def _where(name: str) -> str:
    """Return ``Class.method`` or ``function`` from mutmut's name of a mutant."""
    mangled = name.rpartition("__mutmut_")[0].rpartition(".")[2]
    return mangled.removeprefix("x_") if mangled.startswith("x_") else mangled[2:].replace("ǁ", ".")
