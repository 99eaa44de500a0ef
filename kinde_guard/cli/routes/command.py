"""The command ``kinde-guard routes``: load the application, list its operations, report."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Mapping

from rich.console import Console

from kinde_guard.audit.findings import find_problems
from kinde_guard.audit.operations import list_operations
from kinde_guard.cli.app_loading import load_app
from kinde_guard.cli.errors import WrongUsage
from kinde_guard.cli.routes.formats import Format
from kinde_guard.cli.routes.report import Report, to_json, to_markdown
from kinde_guard.cli.routes.table import show


def run_routes(address: str, *, check: bool, format_: Format, allow: Collection[str]) -> int:
    """Print the routes of an application; return 1 if they were to be checked and are at fault.

    Args:
        address: ``MODULE:APP``.
        check: whether findings make it fail.
        format_: for a person or for a program.
        allow: subjects of findings that are meant.

    Raises:
        WrongUsage: the application cannot be loaded, or has no guard.
    """
    app = load_app(address)
    try:
        operations = list_operations(app)
    except ValueError as error:
        raise WrongUsage(f"{address}: {error}") from error
    report = Report(operations, find_problems(operations, allow=allow))
    _PRINTERS[format_](report)
    return 1 if check and report.findings else 0


def _print_table(report: Report) -> None:
    show(Console(highlight=False), report)


def _print_json(report: Report) -> None:
    sys.stdout.write(f"{json.dumps(to_json(report))}\n")


def _print_markdown(report: Report) -> None:
    sys.stdout.write(f"{to_markdown(report)}\n")


_PRINTERS: Mapping[Format, Callable[[Report], None]] = {
    Format.TABLE: _print_table,
    Format.JSON: _print_json,
    Format.MARKDOWN: _print_markdown,
}
