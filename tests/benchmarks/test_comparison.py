"""The comparison: true cases, peers that are asked before they are timed, honest budgets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException

from kinde_guard import InvalidSignature, KindeGuard
from tests.benchmarks import archive, environment
from tests.benchmarks.asgi import Traffic
from tests.benchmarks.comparison import budgets, cases, chart, report
from tests.benchmarks.identity import AUDIENCE, Identity, offline, on_loopback
from tests.benchmarks.peers import PEERS, Peer, by_hand, route
from tests.benchmarks.rounds import Figures, by_turns
from tests.mint import KeyServer

pytestmark = pytest.mark.anyio

COMPARE = environment.ROOT / "tests" / "benchmarks" / "compare.py"
REQUIRED = {
    "jwks-client",
    "oidc-jwt-verifier",
    "auth0-fastapi-api",
    "fastapi-azure-auth",
    "axioms-fastapi",
}


@pytest.fixture(scope="module")
def identity() -> Identity:
    return offline()


async def test_each_own_case_is_answered_as_it_says(identity: Identity) -> None:
    found = await by_turns(cases.own_cases(identity), identity.rsa, range(1))
    assert set(found) == {cases.UNGUARDED, *report.OWN_CASES}


async def test_a_forged_token_costs_a_whole_verification(identity: Identity) -> None:
    (key,) = identity.document["keys"]
    keys = KeyServer(identity.key, url=f"{identity.url}/.well-known/jwks")
    guard = KindeGuard(identity.url, audience=AUDIENCE, http_client=keys.client())
    forged = [next(identity.mint().forgeries()) for _ in range(3)]
    for token in forged:
        with pytest.raises(InvalidSignature):
            await guard.verify(token)
    assert len(set(forged)) == 3
    assert key["kid"] == identity.key.kid


def test_tokens_that_were_never_seen_are_all_different(identity: Identity) -> None:
    mint = identity.mint()
    tokens = mint.fresh(5) + mint.fresh(5)
    assert len(set(tokens)) == 10
    assert len({len(token) for token in tokens}) == 1


async def test_a_chunk_of_new_tokens_is_filled_anew(identity: Identity) -> None:
    traffic = Traffic(FastAPI())
    case = cases.with_fresh("new", traffic, traffic, identity.mint().fresh, 3)
    case.prepare()
    first = traffic.tokens
    case.prepare()
    assert len({*first, *traffic.tokens}) == 6


def test_the_peers_that_must_be_compared_are_in_the_list() -> None:
    assert {peer.name for peer in PEERS} >= REQUIRED


async def test_a_peer_that_answers_is_measured_in_three_cases() -> None:
    with on_loopback() as identity:
        ((met, found),) = await cases.meet(identity, [Peer("by hand", "", by_hand)])
    assert (met.reason, met.good, met.forged, met.expired) == ("", 200, 401, 401)
    assert [case.name for case in found] == [
        "by hand: token seen before",
        "by hand: token never seen",
        "by hand: forged signature",
    ]


def missing(_: Identity) -> FastAPI:
    raise ModuleNotFoundError("No module named 'peer'")


def breaking(_: Identity) -> FastAPI:
    raise RuntimeError("wants another FastAPI")


def refusing(_: Identity) -> FastAPI:
    app = FastAPI()

    @app.get("/users")
    async def users() -> None:
        raise HTTPException(403)

    return app


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (missing, "cannot be imported: No module named 'peer'"),
        (breaking, "raised RuntimeError: wants another FastAPI"),
        (refusing, "answers 403 to the good token"),
    ],
)
async def test_a_peer_that_does_not_let_the_good_token_in_is_named(
    identity: Identity, build: Any, reason: str
) -> None:
    ((met, found),) = await cases.meet(identity, [Peer("peer", "peer>=1", build)])
    assert (met.reason, found) == (reason, [])


async def test_a_peer_that_lets_everything_in_shows_it(identity: Identity) -> None:
    peer = Peer("open", "", lambda _: route(FastAPI()))
    ((met, _),) = await cases.meet(identity, [peer])
    assert (met.good, met.forged, met.expired) == (200, 200, 200)


def steady(whole: float, baseline: float = 51.0, rsa: float = 26.0) -> Figures:
    return Figures([whole] * 3, [baseline] * 3, [rsa] * 3)


def figures(seen: float = 12.0, unseen: float = 60.0, forged: float = 60.0) -> dict[str, Figures]:
    found = {name: steady(60.0) for name in (cases.UNGUARDED, *report.OWN_CASES)}
    own = {
        cases.SEEN: steady(51.0 + seen),
        cases.UNSEEN: steady(51.0 + unseen),
        cases.FORGED: steady(forged),
    }
    peer = {f"by hand: {name}": steady(51.0 + 200.0) for name in report.COMPARED}
    return {**found, **own, **peer}


@pytest.mark.parametrize(
    ("given", "outcomes"),
    [
        ({}, ["held", "held", "held"]),
        ({"seen": 25.0, "unseen": 90.0, "forged": 90.0}, ["held", "held", "held"]),
        ({"seen": 25.1}, ["MISSED", "held", "held"]),
        ({"unseen": 90.1}, ["held", "MISSED", "held"]),
        ({"forged": 90.1}, ["held", "held", "MISSED"]),
    ],
)
def test_budgets_hold_up_to_what_they_allow(given: dict[str, float], outcomes: list[str]) -> None:
    assert [verdict.outcome for verdict in budgets.judge(figures(**given))] == outcomes


def test_a_budget_that_only_the_quiet_rounds_hold_is_left_open() -> None:
    busy = Figures([70.0, 70.0, 90.0, 90.0], [51.0] * 4, [26.0] * 4)
    verdict, *_ = budgets.judge({**figures(), cases.SEEN: busy})
    assert verdict.outcome == "open"


def test_budgets_are_ratios_so_a_slower_machine_keeps_them() -> None:
    slower = {
        name: Figures(
            [2 * each for each in found.whole],
            [2 * each for each in found.baseline],
            [2 * each for each in found.rsa],
        )
        for name, found in figures(seen=24.0).items()
    }
    assert {verdict.outcome for verdict in budgets.judge(slower)} == {"held"}


@pytest.fixture
def data() -> dict[str, Any]:
    met = [
        cases.Met(Peer("by hand", "", by_hand), "2.0", "", 200, 401, 401),
        cases.Met(Peer("other", "other>=1", missing), "", "pip: needs Python >=3.12"),
    ]
    milliseconds = {"best": 20, "lower": 25, "median": 30, "upper": 31, "worst": 40}
    imports = {"fastapi": milliseconds, "package": milliseconds}
    return report.as_data(
        figures(), met, imports, {"tokens": 4096, "bytes": 4 * 2**20}, real_time=True
    )


def test_readme_tables_hold_every_case_and_every_guard(data: dict[str, Any]) -> None:
    lines = report.markdown(data).splitlines()
    assert "| token seen before | 63 | 12 | 0.46 | 0.24 |" in lines
    assert "| forged signature | 60 |  | 2.31 | 1.18 |" in lines
    assert "| by hand 2.0 | 200 | 200 | 251 | 200 401 401 |" in lines
    assert "- other: pip: needs Python >=3.12" in lines
    assert [name for name in report.OWN_CASES if not any(name in line for line in lines)] == []


def test_conclusions_name_what_was_not_measured_and_what_was_missed(data: dict[str, Any]) -> None:
    data["budgets"][1]["outcome"] = "MISSED"
    lines = report.conclusions(data)
    assert "not measured: other: pip: needs Python >=3.12" in lines
    assert [line.split()[0] for line in lines[:5]] == ["held", "MISSED", "held", "held", "held"]
    assert lines[3].startswith("held    import kinde_guard over import fastapi: 30 ms, ")
    assert lines[4].startswith("held    4,096 remembered tokens hold 4.0 MiB, 1.0 KiB each")


@pytest.mark.parametrize(
    ("median", "lower", "said"), [(60, 50, "held"), (61, 60, "open"), (62, 61, "MISSED")]
)
def test_import_time_is_judged_like_the_rest(
    data: dict[str, Any], median: float, lower: float, said: str
) -> None:
    data["import_ms"]["package"] |= {"median": median, "lower": lower}
    assert report.conclusions(data)[3].startswith(f"{said} ")


def test_a_cache_that_is_too_heavy_is_said_so(data: dict[str, Any]) -> None:
    data["cache"]["bytes"] = budgets.CACHE_BYTES + 1
    assert report.conclusions(data)[4].startswith("MISSED ")


def test_charts_of_the_same_figures_are_the_same_files(
    data: dict[str, Any], tmp_path: Path
) -> None:
    first, second = (chart.draw(data, tmp_path / each) for each in "ab")
    assert [path.name for path in first] == ["comparison.png", "comparison.svg"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert first[0].read_bytes().startswith(b"\x89PNG")
    assert b"<dc:date>" not in first[1].read_bytes()


def test_figures_come_back_as_they_were_written(data: dict[str, Any], tmp_path: Path) -> None:
    archive.write("comparison", data, tmp_path)
    kept = archive.read("comparison", tmp_path)
    assert {**kept, "measured": ""} == {"measured": "", **json.loads(json.dumps(data))}


def test_tables_and_chart_can_be_made_again_from_the_figures(
    data: dict[str, Any], tmp_path: Path
) -> None:
    archive.write("comparison", data, tmp_path)
    command = [sys.executable, str(COMPARE), "--here", "--redraw", "--markdown"]
    run = subprocess.run(
        [*command, "--output", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert report.markdown(data) in run.stdout
    assert (tmp_path / "comparison.png").exists()


def test_a_bare_interpreter_is_told_in_one_line_what_to_install() -> None:
    # -S leaves out what was installed.
    command = [sys.executable, "-S", str(COMPARE), "--here", "--quick"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr == 'rich is missing: pip install -e ".[bench]"\n'


def fake_environment(folder: Path, script: str) -> None:
    """Put a program in the interpreter's place that stands for pip."""
    python = environment.python_of(folder)
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)


def test_an_environment_that_pip_cannot_fill_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(folder: Path, *, with_pip: bool) -> None:
        fake_environment(folder, "echo 'WARNING: retrying\nERROR: no network' >&2; exit 1")

    monkeypatch.setattr("venv.create", create)
    with pytest.raises(environment.CannotPrepare) as raised:
        environment.prepare(tmp_path / "venv", lambda _: None)
    assert str(raised.value) == (
        "pip cannot install kinde-guard[bench] into venv (no network); "
        'install ".[bench]" where you can, and run this with --here'
    )
    assert not environment.is_own(tmp_path / "venv")


def test_each_peer_is_tried_once_and_one_that_pip_refuses_spoils_no_other(tmp_path: Path) -> None:
    log = tmp_path / "log"
    fake_environment(
        tmp_path,
        f'echo "$@" >> {log}; case "$*" in *bad*) echo "ERROR: no such thing" >&2; exit 1;; esac',
    )
    (tmp_path / environment.REASONS).write_text("{}")
    wanted = {"bad": "bad>=1", "good": "good>=2", "by hand": ""}
    for _ in range(2):
        environment.add_peers(environment.python_of(tmp_path), wanted, lambda _: None)
    installs = [line for line in log.read_text().splitlines() if " install " in line]
    assert [line.split()[-1] for line in installs] == ["bad>=1", "good>=2"]
    assert all("--constraint" in line for line in installs)
    assert environment.refusals(tmp_path) == {"bad": "no such thing"}


def test_what_pip_refused_is_kept_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / environment.REASONS).write_text('{"good": "", "bad": "needs Python >=3.12"}')
    assert environment.refusals(tmp_path) == {"bad": "needs Python >=3.12"}
    assert environment.refusals(tmp_path / "elsewhere") == {}


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        (
            "ERROR: Ignored the following versions that require a different python version: "
            "2.0.1 Requires-Python >=3.12; 2.0.2 Requires-Python >=3.12\nERROR: No matching",
            "needs Python >=3.12",
        ),
        (
            "ERROR: Cannot install peer\nThe conflict is caused by:\n"
            "    peer 1.0 depends on cryptography<45\n"
            "    The user requested (constraint) cryptography==50.0.2\n",
            "peer 1.0 depends on cryptography<45, this environment has cryptography==50.0.2",
        ),
        ("WARNING: slow\nERROR: No matching distribution", "No matching distribution"),
        ("", "pip did not say why"),
    ],
)
def test_the_line_of_pip_that_says_why_is_found(errors: str, reason: str) -> None:
    assert environment.reason_in(errors) == reason
