"""The measuring itself: sandwiches, spreads, and requests that must be answered as expected."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.benchmarks import machine
from tests.benchmarks.asgi import Traffic, UnexpectedAnswer, request, status
from tests.benchmarks.rounds import Case, Figures, Take, by_turns
from tests.benchmarks.spread import Spread, in_plain_words

pytestmark = pytest.mark.anyio


def steady(name: str, microseconds: float, log: list[str]) -> Take:
    async def take() -> float:
        log.append(name)
        return microseconds

    return take


async def test_each_chunk_stands_between_its_baseline_and_the_yardstick() -> None:
    log: list[str] = []
    case = Case("guard", steady("guard", 70.0, log), steady("route", 50.0, log))
    await by_turns([case], steady("rsa", 25.0, log), range(1))
    sandwich = ["route", "rsa", "guard", "rsa", "route"]
    assert log == sandwich * 2  # the first one warms up


async def test_costs_are_differences_and_ratios_within_the_sandwich() -> None:
    case = Case("guard", steady("", 70.0, []), steady("", 50.0, []))
    figures = (await by_turns([case], steady("", 25.0, []), range(3)))["guard"]
    assert figures.extra == [20.0] * 3
    assert figures.in_rsa(figures.extra).median == 0.8
    assert figures.in_routes(figures.extra).median == 0.4
    assert figures.at_reference(figures.extra).median == pytest.approx(20.8)


async def test_a_machine_that_slows_down_between_rounds_leaves_the_ratios_as_they_are() -> None:
    figures = Figures(whole=[70.0, 140.0], baseline=[50.0, 100.0], rsa=[25.0, 50.0])
    assert figures.in_rsa(figures.extra).relative == 0
    assert Spread.of(figures.extra).relative > 0


async def test_every_case_takes_one_turn_a_round_in_another_order() -> None:
    log: list[str] = []
    cases = [Case(name, steady(name, 1.0, log), steady("", 1.0, [])) for name in "abcdef"]
    await by_turns(cases, steady("", 1.0, []), range(4))
    rounds = ["".join(log[start : start + 6]) for start in range(6, 30, 6)]
    assert Counter(log) == dict.fromkeys("abcdef", 5)
    assert len(set(rounds)) == 4


async def test_what_a_chunk_needs_is_made_before_it_is_compared_with_anything() -> None:
    log: list[str] = []
    case = Case(
        "guard", steady("guard", 1.0, log), steady("route", 1.0, log), lambda: log.append("ready")
    )
    await by_turns([case], steady("rsa", 1.0, log), ())
    assert log[0] == "ready"


def test_a_measurement_goes_before_other_processes_where_it_may() -> None:
    usual = os.sched_getscheduler(0)
    with machine.undisturbed() as granted:
        assert os.sched_getscheduler(0) == (os.SCHED_FIFO if granted else usual)
    assert os.sched_getscheduler(0) == usual


def test_a_measurement_gives_back_the_priority_that_it_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = (os.SCHED_FIFO, os.sched_param(3))
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "sched_getscheduler", lambda _pid: found[0])
    monkeypatch.setattr(os, "sched_getparam", lambda _pid: found[1])
    monkeypatch.setattr(
        os,
        "sched_setscheduler",
        lambda _pid, policy, param: given.append((policy, param.sched_priority)),
    )
    with machine.undisturbed() as granted:
        assert granted
    assert given == [(os.SCHED_FIFO, machine.PRIORITY), (os.SCHED_FIFO, 3)]


def test_spread_of_five_samples_is_their_quartiles() -> None:
    assert Spread.of([5.0, 1.0, 4.0, 2.0, 3.0]) == Spread(1.0, 2.0, 3.0, 4.0, 5.0)


def test_spread_of_one_sample_is_that_sample() -> None:
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0, 7.0, 7.0)


@pytest.mark.parametrize(
    ("relative", "load", "said"),
    [(0.1, 1.2, "quiet"), (0.2, 1.2, "busy"), (0.1, 3.5, "3.5 processes wanted 2 cores")],
)
def test_a_busy_machine_is_said_so(relative: float, load: float, said: str) -> None:
    words = in_plain_words(relative, load, 2)
    assert said in words
    assert f"{relative:.0%} apart" in words


async def answering_200(scope: Scope, receive: Receive, send: Send) -> None:
    start: Message = {"type": "http.response.start", "status": 200, "headers": []}
    assert scope.setdefault("visited", "no") == "no"
    scope["visited"] = "yes"
    await send(start)


async def test_traffic_serves_a_new_scope_to_each_request() -> None:
    assert await Traffic(answering_200, tokens=["a", "a", "b"])() > 0


async def test_traffic_that_is_answered_otherwise_is_an_error() -> None:
    with pytest.raises(UnexpectedAnswer, match=r"expected 401, got \[200\]"):
        await Traffic(answering_200, expected=401)()


async def test_status_is_the_answer_to_one_request() -> None:
    assert await status(answering_200, None) == 200


def test_request_carries_the_token_in_the_authorization_header() -> None:
    assert (b"authorization", b"Bearer t.o.k") in request("t.o.k")["headers"]
    assert b"authorization" not in dict(request(None)["headers"])
