"""The virtual environment that a benchmark makes for itself, with the peers in it.

Needs the standard library alone, so that a fresh clone can begin with it. Peers are installed one
by one, each with everything that is there already as a constraint: one that wants other versions of
FastAPI, Starlette, PyJWT or of another peer's packages is refused by pip, named with pip's reason,
and leaves no trace.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / ".venv-bench"
REASONS = "peers.json"

_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")


class CannotPrepare(Exception):
    """The environment cannot be made; the message says what to do."""


def python_of(folder: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def prepare(folder: Path, say: Callable[[str], None] = print) -> Path:
    """Make the environment if there is none, and return its interpreter.

    Raises:
        CannotPrepare: pip cannot install what the benchmarks need.
    """
    python, kept = python_of(folder), folder / REASONS
    if kept.exists():
        return python
    say(f"making {folder.name}")
    venv.create(folder, with_pip=True)
    failure = _install(python, "--editable", f"{ROOT}[bench]")
    if failure:
        raise CannotPrepare(
            f"pip cannot install kinde-guard[bench] into {folder.name} ({failure}); install "
            '".[bench]" where you can, and run this with --here'
        )
    kept.write_text("{}")
    return python


def is_own(prefix: Path = Path(sys.prefix)) -> bool:
    """Whether this interpreter's environment was made by ``prepare``."""
    return (prefix / REASONS).exists()


def add_peers(
    python: Path, requirements: Mapping[str, str], say: Callable[[str], None] = print
) -> None:
    """Install each peer that was not tried before; keep why where pip refused.

    Args:
        python: the environment's interpreter.
        requirements: what pip is asked for, by the peer's name.
        say: is told what is going on.
    """
    kept = python.parents[1] / REASONS
    reasons: dict[str, str] = json.loads(kept.read_text())
    for name, requirement in requirements.items():
        if requirement and name not in reasons:
            say(f"installing {name}")
            reasons[name] = _install(python, *_constraints(python), requirement)
            kept.write_text(json.dumps(reasons, indent=2))


def refusals(prefix: Path = Path(sys.prefix)) -> dict[str, str]:
    """Return why pip refused peers in this environment, by their names."""
    kept = prefix / REASONS
    if not kept.exists():
        return {}
    return {name: why for name, why in json.loads(kept.read_text()).items() if why}


def _constraints(python: Path) -> Iterable[str]:
    freeze = [str(python), *_PIP, "freeze", "--exclude-editable"]
    installed = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout
    path = python.parents[1] / "constraints.txt"
    path.write_text(installed)
    return "--constraint", str(path)


def _install(python: Path, *arguments: str) -> str:
    """Return pip's reason for a failure, or nothing."""
    command = [str(python), *_PIP, "install", "--quiet", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if run.returncode == 0 else reason_in(run.stderr)


def reason_in(errors: str) -> str:
    """Pick the line of pip's errors that says why."""
    lines = [line.strip() for line in errors.splitlines()]
    conflicts = [line for line in lines if " depends on " in line]
    pinned = [line for line in lines if "The user requested (constraint)" in line]
    if conflicts and pinned:
        wanted = pinned[0].removeprefix("The user requested (constraint) ")
        return f"{conflicts[0]}, this environment has {wanted}"
    told = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    for line in told:
        if "Requires-Python" in line:
            return f"needs Python {line.rpartition('Requires-Python ')[2]}"
    return (told or lines or ["pip did not say why"])[0][:200]
