"""The command line, ``kinde-guard``.

This module is all that is imported before it is known that the extras are there, so it imports
nothing but the standard library.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

EXTRAS = ("typer", "rich", "uvicorn", "websockets", "python_multipart")
"""What the extras ``cli`` and ``local`` bring, by the names of their modules."""


def main() -> int:
    """Run the command line that ``sys.argv`` holds and return its exit code."""
    missing = [name for name in EXTRAS if find_spec(name) is None]
    if missing:
        install = 'pip install "kinde-guard[cli,local]"'
        sys.stderr.write(f"kinde-guard: {', '.join(missing)} not found; {install}\n")
        return 2
    try:
        from kinde_guard.cli.app import run  # noqa: PLC0415 - needs the extras

        return run()
    except KeyboardInterrupt:
        return 130
