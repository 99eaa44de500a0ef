"""The command ``kinde-guard demo``: set the stage, play the tour, report, and go on serving."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager

from rich.console import Console

from kinde_guard.cli.demo.local_stage import local_stage
from kinde_guard.cli.demo.next_steps import show_next_steps
from kinde_guard.cli.demo.report import Report, to_json
from kinde_guard.cli.demo.scenarios import SECTIONS, Api, Scenario
from kinde_guard.cli.demo.stage import Stage
from kinde_guard.cli.demo.table import show
from kinde_guard.cli.demo.tenant_stage import tenant_stage
from kinde_guard.cli.demo.tour import play
from kinde_guard.cli.demo.wire import Unreachable
from kinde_guard.cli.errors import Finding
from kinde_guard.cli.serving import go_on_serving, interruptible
from kinde_guard.local import StartError

QUIET = ("kinde_guard", "uvicorn.error")
"""Loggers that are silent here: outages and refusals are the subject, and stand in the table."""


def run_demo(
    *,
    once: bool,
    as_json: bool,
    tenant: bool = False,
    environ: Mapping[str, str],
    sections: Mapping[str, tuple[Scenario, ...]] = SECTIONS,
) -> int:
    """Run the demo and return its exit code: 0 if every answer was as expected, 1 otherwise.

    Parameters:
        once: end after the tour instead of serving until Ctrl-C.
        as_json: print JSON instead of a table.
        tenant: use the tenant that the environment names instead of local Kinde.
        environ: the environment.
        sections: the tour.

    Raises:
        TyperException: the demo cannot be run; the message says why.
    """
    for name in QUIET:
        logging.getLogger(name).addHandler(logging.NullHandler())
    try:
        with interruptible(), ExitStack() as running:
            stage, report = _play(running, environ if tenant else None, sections)

            def announce() -> None:
                _print(report, as_json=as_json)
                if not (once or as_json):
                    show_next_steps(_console(), stage, is_local=not tenant)

            if once:
                announce()
            else:
                go_on_serving(announce)
            return 0 if report.as_expected else 1
    except (StartError, Unreachable) as error:
        raise Finding(str(error)) from error


def _play(
    running: ExitStack,
    environ: Mapping[str, str] | None,
    sections: Mapping[str, tuple[Scenario, ...]],
) -> tuple[Stage, Report]:
    """Set the stage, leave it standing for as long as ``running`` is open, and play the tour."""
    with _progress() as say:
        stage = running.enter_context(_stage(environ, say))
        say("calling the API")
        lines = list(play(stage, sections))
    return stage, Report(issuer=stage.issuer, api=stage.apis[Api.MAIN], lines=lines)


def _stage(
    environ: Mapping[str, str] | None, say: Callable[[str], None]
) -> AbstractContextManager[Stage]:
    return local_stage(say) if environ is None else tenant_stage(environ, say)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Give a function that shows what is being done, on a terminal; elsewhere it shows nothing."""
    with Console(stderr=True).status("") as status:
        yield lambda text: status.update(f"{text} ...")


def _console() -> Console:
    return Console(highlight=False)


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(f"{json.dumps(to_json(report))}\n")
        sys.stdout.flush()
    else:
        show(_console(), report)
