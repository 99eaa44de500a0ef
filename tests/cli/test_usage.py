"""What the command line says to whoever holds it wrongly: one line, and exit code 2."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points, version
from typing import NoReturn

import pytest

import kinde_guard.cli
import kinde_guard.cli.app
import kinde_guard.cli.demo.command
from kinde_guard.cli.errors import Finding
from tests.cli.processes import run


def test_entry_point_is_main() -> None:
    (command,) = entry_points(group="console_scripts", name="kinde-guard")
    assert command.load() is kinde_guard.cli.main


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("demo", "--twice"), "No such option: --twice"),
        (("demo", "now"), "Got unexpected extra argument"),
        (("local", "--port", "many"), "Invalid value for '--port': "),
        (("local", "--port", "65536"), "Invalid value for '--port': "),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: tuple[str, ...], says: str) -> None:
    ended = run(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"kinde-guard: {says}")
    assert ended.stderr.count("\n") == 1


def test_version_is_that_of_the_distribution() -> None:
    ended = run("--version")
    expected = f"kinde-guard {version('kinde-guard')}\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, expected, "")


def test_no_command_shows_the_help() -> None:
    ended, helped = run(), run("--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == helped.stdout


def test_unexpected_error_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_demo(**_: object) -> NoReturn:
        raise LookupError("no\nluck")

    monkeypatch.setattr(kinde_guard.cli.demo.command, "run_demo", run_demo)
    monkeypatch.setattr(sys, "argv", ["kinde-guard", "demo"])
    assert kinde_guard.cli.main() == 1
    assert capsys.readouterr() == (
        "",
        "kinde-guard: unexpected LookupError: no luck (set KINDE_GUARD_TRACEBACK=1 for the"
        " traceback)\n",
    )
    monkeypatch.setenv("KINDE_GUARD_TRACEBACK", "1")
    with pytest.raises(LookupError):
        kinde_guard.cli.main()


def test_help_lists_the_commands_there_are() -> None:
    ended = run("--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    commands = ended.stdout.partition("Commands:")[2].split("\n")
    assert [line.split()[0] for line in commands if line.strip()] == [
        "demo",
        "local",
        "token",
        "explain",
        "routes",
        "doctor",
        "revoke",
        "scopes",
    ]


@pytest.mark.parametrize("missing", kinde_guard.cli.EXTRAS)
def test_missing_extra_is_said_with_the_cure(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kinde_guard.cli, "EXTRAS", ("json", f"{missing}_that_is_not_there"))
    assert kinde_guard.cli.main() == 2
    assert capsys.readouterr() == (
        "",
        f"kinde-guard: {missing}_that_is_not_there not found;"
        " install kinde-guard with its extras cli and local\n",
    )


def test_message_of_a_server_becomes_one_line_of_plain_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_demo(**_: object) -> NoReturn:
        raise Finding("no\ntoken \x1b[31mtoday\r\n")

    monkeypatch.setattr(kinde_guard.cli.demo.command, "run_demo", run_demo)
    monkeypatch.setattr(sys, "argv", ["kinde-guard", "demo"])
    assert kinde_guard.cli.main() == 1
    assert capsys.readouterr() == ("", "kinde-guard: no token [31mtoday\n")


def test_interrupt_at_any_time_is_exit_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(kinde_guard.cli.app, "run", interrupted)
    assert kinde_guard.cli.main() == 130
