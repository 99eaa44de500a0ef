"""The soak in a process of its own, so that memory, tasks and sockets are the guard's alone.

It takes ``KINDE_GUARD_SOAK_SECONDS``, 20 by default, and longer where that does not suffice for
2,000 good requests; the long form takes ten minutes and makes a million. By hand, with a progress
bar: ``python -m tests.attack.soak.soak``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def figures(nightly: bool) -> dict[str, Any]:
    seconds, least = (600, 1_000_000) if nightly else (20, 2_000)
    chosen = os.environ.get("KINDE_GUARD_SOAK_SECONDS", str(seconds))
    optimised = ["-O"] if sys.flags.optimize else []
    finished = subprocess.run(
        [
            *(sys.executable, *optimised, "-m", "tests.attack.soak.soak"),
            *("--seconds", chosen, "--least", str(least)),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(finished.stdout)
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def test_no_good_request_is_refused_or_waits_while_its_key_is_in_hand(
    figures: dict[str, Any],
) -> None:
    assert figures["wrong"] == []
    assert figures["answers"]["key in hand: 200"] == figures["good"]


def test_keys_rotated_and_the_key_server_failed_about_a_third_of_the_time(
    figures: dict[str, Any],
) -> None:
    assert figures["rotations"] > figures["seconds"] / 10
    assert figures["fetches"] > figures["rotations"]
    assert 0.2 < figures["failed_fetches"] / figures["fetches"] < 0.5


@pytest.mark.parametrize("kind", ["forged", "expired", "retired key", "unknown key"])
def test_bad_requests_between_them_were_refused(kind: str, figures: dict[str, Any]) -> None:
    answers = {name for name in figures["answers"] if name.startswith(f"{kind}: ")}
    assert answers
    assert f"{kind}: 200" not in answers


def test_no_task_socket_or_file_is_left_over(figures: dict[str, Any]) -> None:
    left = {name: figures[name] for name in ("tasks_left", "sockets_left", "files_left")}
    assert left == {"tasks_left": 0, "sockets_left": 0, "files_left": 0}


def test_memory_grows_less_than_5_percent_after_the_warm_up(figures: dict[str, Any]) -> None:
    assert figures["end_bytes"] < figures["warm_bytes"] * 1.05
