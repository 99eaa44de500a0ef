"""The command line, ``kinde-guard``.

This module imports the standard library alone: it runs before it is known that the extras are
installed.
"""

from __future__ import annotations

import io
import sys
from importlib.util import find_spec

EXTRAS = ("typer", "rich", "uvicorn", "websockets", "python_multipart")
"""Top-level modules of the extras ``cli`` and ``local``."""


def main() -> int:
    """Run the command line that ``sys.argv`` holds and return its exit code."""
    missing = [name for name in EXTRAS if find_spec(name) is None]
    if missing:
        # The name of the distribution is not repeated: a command in a message gets pasted.
        advice = "install kinde-guard with its extras cli and local"
        sys.stderr.write(f"kinde-guard: {', '.join(missing)} not found; {advice}\n")
        return 2
    _replace_unencodable(sys.stdout)
    try:
        from kinde_guard.cli.app import run  # noqa: PLC0415 - needs the extras

        return run()
    except KeyboardInterrupt:
        return 130


def _replace_unencodable(stream: object) -> None:
    """Write ``?`` for characters that the stream's encoding lacks, as on Windows code pages."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
