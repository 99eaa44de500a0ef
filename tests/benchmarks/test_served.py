"""The benchmark under a real server: the loads are what they say, and the figures are added up
right. wrk itself is not needed here; a stand-in shows how it is called."""

from __future__ import annotations

import argparse
import json
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from tests.benchmarks import archive
from tests.benchmarks.load import api, chart, report, session
from tests.benchmarks.load.api import create_app
from tests.benchmarks.load.bench import BRISK, Bench
from tests.benchmarks.load.comparison import Comparison, percentile, rate
from tests.benchmarks.load.figures import as_data, goals
from tests.benchmarks.load.key_server import Fetch, KeyServer, count
from tests.benchmarks.load.servers import PLAIN, Cores, Guarding, Server, serving
from tests.benchmarks.load.throughput import Case, Throughput, cases
from tests.benchmarks.load.tokens import Pools, signing_keys, write_pools
from tests.benchmarks.load.troubles import FLOODS, STATES, Flooded, Trouble
from tests.benchmarks.load.wrk import Load, Result, Run, parse
from tests.mint import SigningKey

LINE = (
    '{"requests": 10, "microseconds": 2000000, "refused": 1, "broken": 2, '
    '"p50": 1000, "p75": 2000, "p90": 3000, "p99": 4000}\n'
)


@pytest.fixture(scope="module")
def keys() -> list[SigningKey]:
    return signing_keys()


@pytest.fixture(scope="module")
def pools(keys: list[SigningKey], tmp_path_factory: pytest.TempPathFactory) -> Pools:
    return write_pools(tmp_path_factory.mktemp("pools"), keys, unseen=60)


def tokens(pool: Path) -> list[tuple[str, str]]:
    return [(group, token) for group, token in map(str.split, pool.read_text().splitlines())]


def result(rate: int = 100, p99: float = 4.0, *, refused: int = 0, broken: int = 0) -> Result:
    latency = {"p50": 1.0, "p75": 2.0, "p90": 3.0, "p99": p99}
    return Result(rate, 1.0, refused, broken, latency)


# The API and its tokens


@pytest.fixture
def guarded(keys: list[SigningKey], monkeypatch: pytest.MonkeyPatch) -> Any:
    with KeyServer(keys).running() as server:
        for name, value in Guarding(server.url, BRISK, BRISK).environment().items():
            monkeypatch.setenv(name, value)
        with TestClient(create_app()) as client:
            yield client


def statuses(client: TestClient, pool: Path, path: str = "/users") -> set[tuple[int, str]]:
    found = set()
    for _, token in tokens(pool)[:50]:
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
        body = answer.json()
        reason = body.get("reason", "") if isinstance(body, dict) else ""
        found.add((answer.status_code, reason))
    return found


def test_every_pool_is_answered_as_its_name_says(guarded: TestClient, pools: Pools) -> None:
    assert statuses(guarded, pools.seen) == {(200, "")}
    assert statuses(guarded, pools.unseen) == {(200, "")}
    assert statuses(guarded, pools.rotating) == {(200, "")}
    assert statuses(guarded, pools.forged) == {(401, "invalid_signature")}
    assert statuses(guarded, pools.unknown) == {(401, "unknown_key")}
    assert statuses(guarded, pools.seen, "/nothing") == {(404, "")}
    counted = guarded.get(api.STATS).json()
    assert counted["verified"] == 200
    # Seen, unseen and the first group of rotating begin with the same tokens; then the 404s.
    assert counted["cache_hits"] == 50 + 20 + 50


def test_forged_signatures_are_all_below_the_modulus(pools: Pools) -> None:
    signatures = [token.rpartition(".")[2] for _, token in tokens(pools.forged)]
    assert all(signature.startswith("A") for signature in signatures)
    assert len(set(signatures)) == len(signatures) == 1_000


def test_unknown_key_ids_are_all_different(pools: Pools) -> None:
    headers = {token.partition(".")[0] for _, token in tokens(pools.unknown)}
    assert len(headers) == 1_000


def test_rotating_pool_has_a_group_for_every_key(pools: Pools, keys: list[SigningKey]) -> None:
    groups = [group for group, _ in tokens(pools.rotating)]
    assert {group: groups.count(group) for group in groups} == {
        str(number): 20 for number in range(len(keys))
    }


@pytest.mark.parametrize("path", ["/users", "/users/threaded", "/ping"])
def test_api_gives_the_same_with_a_guard_and_without(
    guarded: TestClient, pools: Pools, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Authorization": f"Bearer {tokens(pools.seen)[0][1]}"}
    with_guard = guarded.get(path, headers=headers)
    assert guarded.get(path).status_code == 401
    monkeypatch.delenv(api.KEYS_URL)
    plain = TestClient(create_app())
    without = plain.get(path, headers=headers)
    assert (with_guard.status_code, with_guard.content) == (200, without.content)
    assert plain.get(path).status_code == 200
    assert path == "/ping" or len(without.json()) == 20


# The key server


def test_key_server_names_the_process_that_fetched(keys: list[SigningKey]) -> None:
    with KeyServer(keys).running() as server:
        body = httpx.get(f"{server.url}?process=17").json()
    assert [key["kid"] for key in body["keys"]] == [key.kid for key in keys]
    assert [fetch.process for fetch in server.fetches] == ["17"]


def test_key_server_that_is_down_hangs_up(keys: list[SigningKey]) -> None:
    hung_up = pytest.raises(httpx.RemoteProtocolError)
    with KeyServer(keys, state="down").running() as server, hung_up:
        httpx.get(server.url)
    assert (server.began, len(server.fetches)) == (1, 1)


def test_rotating_keys_are_published_before_they_sign(keys: list[SigningKey]) -> None:
    second = 1_000_003
    server = KeyServer(keys, state="rotating", wall_clock=lambda: second + 0.5)
    published = [key["kid"] for key in server.document()["keys"]]
    assert published == [keys[(second + ahead) % len(keys)].kid for ahead in (-1, 0, 1, 2)]


def test_fetches_are_counted_by_process() -> None:
    fetches = [Fetch("a", 1, 2), Fetch("b", 1.5, 2), Fetch("a", 3.5, 4), Fetch("b", 1.75, 3)]
    counted = count(fetches)
    assert (counted.fetches, counted.processes) == (4, 2)
    assert (counted.at_once, counted.closest) == (2, 0.25)


def test_no_fetches_are_counted_as_none() -> None:
    assert count([]).closest is None
    assert count([]).at_once == 0


def test_change_of_state_waits_until_the_guard_has_met_it(
    keys: list[SigningKey], tmp_path: Path
) -> None:
    server = KeyServer(keys)
    asked = []

    class Asked(Server):
        def status(self, path: str, token: str) -> int:
            asked.append((path, token))
            if len(asked) == 3:
                server.answer("1")
            return 200

    bench = bench_of(server, pools_of(tmp_path / "pool"))
    bench.enter("down", Asked("http://127.0.0.1:1", 1))
    assert asked == [("/ping", "token")] * 3
    assert server.state == "down"


def test_good_keys_are_in_hand_before_anything_else_happens(
    keys: list[SigningKey], tmp_path: Path
) -> None:
    server = KeyServer(keys, state="down")
    statuses = [503, 503, 200, 200]

    class Recovering(Server):
        def status(self, path: str, token: str) -> int:
            server.answer("1")
            return statuses.pop(0)

    bench_of(server, pools_of(tmp_path / "pool")).enter("good", Recovering("http://127.0.0.1:1", 1))
    assert statuses == [200]


def pools_of(path: Path) -> Pools:
    """Return pools that are all one file with one token."""
    path.write_text("0 token\n")
    return Pools(path, path, path, path, path)


def bench_of(server: KeyServer, pools: Pools) -> Bench:
    return Bench(server, pools, Cores((0,)), seconds=1, rounds=1)


# wrk


def test_line_of_the_script_is_found_among_those_of_wrk() -> None:
    found = parse(f"Running 1s test\n  1 threads\n{LINE}Transfer/sec: 1KB\n")
    assert found == Result(10, 2.0, 1, 2, {"p50": 1.0, "p75": 2.0, "p90": 3.0, "p99": 4.0})
    assert found.rate == 5


def test_output_without_figures_ends_the_benchmark() -> None:
    with pytest.raises(SystemExit, match="wrk printed no figures: Running"):
        parse("Running 1s test\n")


FakeWrk = Callable[[str], None]


@pytest.fixture
def fake_wrk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWrk:
    """Put a stand-in for wrk on the path, which is this Python script."""

    def put(script: str) -> None:
        wrk = tmp_path / "bin" / "wrk"
        wrk.parent.mkdir()
        wrk.write_text(f"#!{sys.executable}\nimport sys\n{script}\n")
        wrk.chmod(wrk.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{wrk.parent}{os.pathsep}{os.environ['PATH']}")

    return put


def test_run_asks_wrk_for_the_load(fake_wrk: FakeWrk, tmp_path: Path) -> None:
    fake_wrk(f"open({str(tmp_path / 'asked')!r}, 'w').write(' '.join(sys.argv[1:]))")
    load = Load(Path("pool"), 32, 3, "/ping", start=7, pause=20)
    run = Run(Server("http://127.0.0.1:8000", 1), load, Cores((0,)))
    with pytest.raises(SystemExit, match="wrk printed no figures"):
        run.result()
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("--threads 1 --connections 32 --duration 3s --timeout 20s --script ")
    assert asked.endswith("load.lua http://127.0.0.1:8000/ping -- pool 7 20")


def test_failure_of_wrk_ends_the_benchmark_with_its_reason(fake_wrk: FakeWrk) -> None:
    fake_wrk("sys.exit('unable to connect')")
    run = Run(Server("http://127.0.0.1:8000", 1), Load(Path("pool"), 1, 1), Cores((0,)))
    with pytest.raises(SystemExit, match="wrk failed: unable to connect"):
        run.result()


def test_next_run_begins_where_the_last_one_ended(
    fake_wrk: FakeWrk, keys: list[SigningKey], tmp_path: Path
) -> None:
    fake_wrk(f"print({LINE!r})")
    bench = bench_of(KeyServer(keys), pools_of(tmp_path / "pool"))
    server = Server("http://127.0.0.1:1", 1)
    load = Load(bench.pools.seen, 4, 1)
    runs = [bench.begin(server, load)]
    bench.end(runs[0])
    runs += [bench.begin(server, load), bench.begin(Server("http://127.0.0.1:2", 1), load)]
    assert [run.load.start for run in runs] == [0, 14, 0]
    for run in runs[1:]:
        run.result()


def test_missing_wrk_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    options = argparse.Namespace(output=None, redraw=False, quick=True, real_time=False)
    expected = "wrk is not installed: apt-get install wrk (Debian, Ubuntu) or brew install wrk\n"
    assert session.run(options) == 2
    assert capsys.readouterr() == ("", expected)


# Servers


TASKSET = ["taskset", "--cpu-list"]


def test_cores_serve_and_drive_apart_where_there_are_enough() -> None:
    one, two = Cores((2,)), Cores((2, 3))
    assert (one.serve(["a"], 1), one.drive(["b"], 1)) == (
        [*TASKSET, "2", "a"],
        [*TASKSET, "2", "b"],
    )
    assert (two.serve(["a"], 1), two.drive(["b"], 1)) == (
        [*TASKSET, "2", "a"],
        [*TASKSET, "3", "b"],
    )
    assert (two.serve(["a"], 2), two.drive(["b"], 2)) == (
        [*TASKSET, "2,3", "a"],
        [*TASKSET, "2,3", "b"],
    )


def test_one_worker_goes_before_all_else_if_that_is_wanted() -> None:
    first = Cores((2, 3), real_time=True)
    assert first.serve(["a"], 1) == ["chrt", "--rr", "50", *TASKSET, "2", "a"]
    assert first.serve(["a"], 2) == [*TASKSET, "2,3", "a"]


def test_commands_are_not_pinned_where_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert Cores((2, 3)).serve(["a"], 1) == ["a"]


def test_one_fetch_a_process_and_refresh_under_two_workers(
    keys: list[SigningKey], pools: Pools
) -> None:
    """The benchmark's stage as a whole: real servers, real fetches, a small crowd."""
    token = tokens(pools.seen)[0][1]
    found: list[int] = []
    with (
        KeyServer(keys).running() as key_server,
        serving(PLAIN, 2, Guarding(key_server.url, 0.3, 0.3), Cores.here()) as server,
    ):
        end = time.monotonic() + 1.5

        def ask() -> None:
            while time.monotonic() < end:
                found.append(server.status("/ping", token))

        crowd = [threading.Thread(target=ask) for _ in range(8)]
        for caller in crowd:
            caller.start()
        for caller in crowd:
            caller.join()
    counted = count(key_server.fetches)
    assert set(found) == {200}
    assert (counted.processes, counted.at_once) == (2, 1)
    assert counted.fetches > 2
    assert counted.closest is not None
    # The age of keys counts from when their fetch was begun, and the server sees it arrive: the
    # first one of a process later than those that follow.
    assert counted.closest >= 0.2


def test_server_that_does_not_start_says_why() -> None:
    guarding = Guarding("http://keys.example/jwks", 1, 1)
    ends = pytest.raises(SystemExit, match=r"(?s)uvicorn does not serve: .*ConfigurationError")
    with ends, serving(PLAIN, 1, guarding, Cores.here()):
        pytest.fail("it serves")


# Figures


def test_pair_without_an_answer_is_missed_and_no_ratio() -> None:
    pairs = Comparison()
    pairs.add(result(rate=0), result())
    assert (pairs.missed, pairs.ratio(rate), pairs.as_json()["rate"]["ratio"]) == (1, [], None)


def test_ratios_are_taken_pair_by_pair() -> None:
    pairs = Comparison()
    pairs.add(result(rate=100, p99=1.0), result(rate=90, p99=2.0))
    pairs.add(result(rate=10, p99=4.0), result(rate=5, p99=4.0, refused=1, broken=2))
    assert pairs.ratio(rate) == [0.9, 0.5]
    assert pairs.ratio(percentile("p99")) == [2.0, 1.0]
    assert pairs.unanswered == 3


def test_throughput_kept_is_the_inverse_of_the_processor_time() -> None:
    pairs = Comparison()
    pairs.add_processor((80.0, 100.0))
    pairs.add_processor(None)
    spent = pairs.as_json()["processor"]
    assert (spent["kept"]["median"], spent["times"]["median"]) == (0.8, 1.25)


def test_full_plan_takes_every_number_of_connections_with_one_worker_and_two() -> None:
    planned = cases([PLAIN], quick=False)
    for workers in (1, 2):
        taken = {c.connections for c in planned if c.workers == workers and c.path == "/users"}
        assert taken == {1, 32, 256}
    assert any(case.unseen for case in planned)
    assert len({case.name for case in planned}) == len(planned)


def made_up(*, kept: float = 0.96, p99: float = 1.1, closest: float = 1.5, lost: int = 0) -> Any:
    pairs = Comparison()
    for _ in range(4):
        pairs.add(result(), result(p99=4.0 * p99, refused=lost))
        pairs.add_processor((100.0 * kept, 100.0))
    fetches = [Fetch("1", 0.0, 0.5), Fetch("1", closest, closest + 0.1)]
    throughput = Throughput({Case(PLAIN, 1, "/users", 32): pairs}, 0.0, {1: fetches})
    troubles = {state: Trouble(pairs, fetches) for state in STATES}
    floods = {flood: Flooded(pairs, [result()], fetches) for flood in FLOODS}
    figures = as_data(throughput, troubles, floods)
    machine = {
        "processor": "P",
        "cores": 2,
        "python": "3",
        "versions": {"fastapi": "1"},
        "load": 0.0,
    }
    return {
        "machine": machine,
        "stack": PLAIN.name,
        "rounds": 4,
        "seconds": 1,
        "real_time": False,
        **figures,
    }


def missed(data: Any) -> list[str]:
    return [goal["goal"] for goal in goals(data) if not goal["met"]]


def test_goals_are_met_or_missed_by_the_medians() -> None:
    assert missed(made_up()) == []
    assert missed(made_up(kept=0.94)) == ["throughput kept: /users, 32 conn., asyncio and h11"]
    assert missed(made_up(p99=1.3)) == ["p99 while the key set takes 2 s, over p99 with fresh keys"]
    assert missed(made_up(lost=1)) == ["good requests refused or dropped"]
    fetches = ["key fetches of one process, under any load"]
    assert missed(made_up(closest=0.9)) == fetches
    assert missed(made_up(closest=0.4)) == fetches


def test_reach_says_which_routes_keep_enough() -> None:
    words = report.reach(made_up(kept=0.8))
    assert words.startswith("The guard added 20 to 20 µs")
    assert "where a request takes 380 to 380 µs without it" in words


def test_a_smoke_test_says_that_it_is_one() -> None:
    assert "this machine was quiet" in report.trust(made_up())
    assert "a smoke test" in report.trust({**made_up(), "rounds": 1})


def test_tables_and_chart_can_be_made_again_from_the_figures(tmp_path: Path) -> None:
    data = made_up()
    archive.write("served", data, tmp_path)
    again = archive.read("served", tmp_path)
    assert report.markdown(again) == report.markdown(json.loads(json.dumps(data)))
    assert "| /users, 32 conn., asyncio and h11 | 100 / 100 |" in report.markdown(again)
    first, second = (chart.draw(again, tmp_path / each) for each in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert [path.name for path in first] == ["served.png", "served.svg"]
