"""How a benchmark starts: in an environment of its own, or in this interpreter as it is.

Needs the standard library alone, so that ``python3`` and a fresh clone are enough to begin with.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from tests.benchmarks import environment

NEEDED = ("rich", "matplotlib", "kinde_guard")


def parser(doc: str, rounds: int) -> argparse.ArgumentParser:
    """Return the options that benchmarks share; the first line of ``doc`` says what one does."""
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument("--rounds", type=int, default=rounds, help=f"turns of each case [{rounds}]")
    made.add_argument("--quick", action="store_true", help="a few rounds, nothing is written")
    made.add_argument("--here", action="store_true", help="use this interpreter as it is")
    made.add_argument("--venv", type=Path, default=environment.DEFAULT, help="[.venv-bench]")
    made.add_argument("--output", type=Path, help="folder for figures and charts [results]")
    made.add_argument(
        "--redraw", action="store_true", help="measure nothing: show what was written before"
    )
    return made


def launch(chosen: argparse.Namespace, session: str) -> int:
    """Run ``session.run(chosen)`` where it can run, and return the exit code; 2 where it cannot."""
    try:
        if not chosen.here:
            python = environment.prepare(chosen.venv)
            return subprocess.run([python, *sys.argv, "--here"], check=False).returncode
        for name in NEEDED:
            import_module(name)
    except environment.CannotPrepare as error:
        print(error, file=sys.stderr)
        return 2
    except ImportError as error:
        print(f'{error.name} is missing: pip install -e ".[bench]"', file=sys.stderr)
        return 2
    # Some guards log every refusal; what is measured is the guard, not a terminal.
    logging.getLogger().addHandler(logging.NullHandler())
    return int(import_module(session).run(chosen))
