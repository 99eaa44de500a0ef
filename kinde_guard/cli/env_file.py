"""Environment files: variables for shells, ``uvicorn --env-file`` and Compose alike.

All three take ``NAME=value`` for plain values and ``NAME='value'`` literally for others, and ignore
lines that begin with ``#``. None of them agrees with the others about escapes, so values that would
need one are refused.

Source: POSIX Shell Command Language, section 2.2.2 (single quotes); python-dotenv, "File format";
Docker Compose, "Env file syntax".
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kinde_guard.cli.errors import WrongUsage

HEADER: Final = "# Written by `kinde-guard local`, which overwrites it at every start."
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")
_LITERAL: Final = re.compile(r"[^'\\\x00-\x1f\x7f]*")


def render(variables: Mapping[str, str]) -> str:
    r"""Return the text of an environment file.

    Args:
        variables: values by name.

    Raises:
        WrongUsage: a value holds a quote, a backslash or a control character.

    Example:
        >>> print(render({"KINDE_AUDIENCE": "https://a https://b"}).splitlines()[1])
        KINDE_AUDIENCE='https://a https://b'
    """
    lines = [HEADER, *(f"{name}={_quoted(name, value)}" for name, value in variables.items())]
    return "\n".join(lines) + "\n"


def write_env_file(path: Path, variables: Mapping[str, str]) -> None:
    """Write an environment file that only its owner can read.

    The file appears whole or not at all. An existing file is replaced only if an earlier run wrote
    it, so that the variables of another program are not lost.

    Args:
        path: the file.
        variables: values by name.

    Raises:
        WrongUsage: the file cannot be written, or has another origin.
    """
    text = render(variables)
    check_env_file(path)
    try:
        # mkstemp makes a file that its owner alone can read, whatever the umask.
        descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unusable(path, error) from error


def check_env_file(path: Path) -> None:
    """Refuse a path at which no environment file can be written.

    Raises:
        WrongUsage: there is a file of another origin, a directory, or no parent directory.
    """
    try:
        if not path.parent.is_dir():
            raise WrongUsage(f"--env-file: there is no directory {str(path.parent)!r}")
        with path.open(encoding="utf-8", errors="replace") as file:
            if file.readline().rstrip("\n") == HEADER:
                return
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(path, error) from error
    raise WrongUsage(
        f"--env-file: {str(path)!r} exists and was not written by `kinde-guard local`;"
        " name another file, or remove it"
    )


def _quoted(name: str, value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if not _LITERAL.fullmatch(value):
        raise WrongUsage(
            f"--env-file: the value of {name} holds a quote, a backslash or a control character,"
            " which not all readers of such files take"
        )
    return f"'{value}'"


def _unusable(path: Path, error: OSError) -> WrongUsage:
    return WrongUsage(f"--env-file: {str(path)!r} cannot be written: {error.strerror or error}")
