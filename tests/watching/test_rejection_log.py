"""The log line of a rejection: what it names, what it escapes, and how many there are."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinde_guard.vocabulary.events import CredentialIds, Recorder
from kinde_guard.vocabulary.rejection_log import RejectionLog, rejection_line
from tests.core.conftest import MakeApp, MakeGuard
from tests.core.exchange import call, connect
from tests.mint import CLIENT_ID, NOW, FrozenClock, SigningKey, Tenant

LOGGER = "kinde_guard.refusals"
TOKEN_ID = "0d5c2a1e-7f6b-4a39-9a52-6e0d0e0f1a2b"


class Lines:
    """The lines that were written, and the clock by which they are limited."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self.clock = FrozenClock(100)
        self.recorder = Recorder(monotonic=self.clock)

    def __call__(self) -> list[str]:
        records = [record for record in self._caplog.records if record.name == LOGGER]
        assert {record.levelno for record in records} <= {logging.INFO}
        return [record.getMessage() for record in records]

    def reject(self, reason: str, count: int = 1) -> None:
        for _ in range(count):
            self.recorder.rejected(reason, 401, "GET", "/users")


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Lines]:
    with caplog.at_level(logging.INFO, LOGGER):
        yield Lines(caplog)


def test_line_names_status_reason_method_route_client_and_token(lines: Lines) -> None:
    ids = CredentialIds("7cf6", "0d5c", "org_1")
    lines.recorder.rejected(
        "expired_token", 401, "GET", "/users/{id}", raw_path="/users/7", ids=ids
    )
    assert lines() == ["401 expired_token GET /users/{id} client=7cf6 token=0d5c"]


def test_line_has_the_path_that_was_asked_for_where_there_was_no_route(lines: Lines) -> None:
    lines.recorder.rejected("missing_token", 401, "WS", raw_path="/feed")
    assert lines() == ["401 missing_token WS /feed"]


def test_line_outside_of_a_request_has_neither_method_nor_path(lines: Lines) -> None:
    lines.recorder.rejected("malformed_token", 401)
    assert lines() == ["401 malformed_token"]


def test_line_ends_in_the_note(lines: Lines) -> None:
    lines.recorder.rejected("insufficient_scope", 403, "GET", "/users", note="set the toggle")
    assert lines() == ["403 insufficient_scope GET /users (set the toggle)"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/a\r\n200 OK", "/a\\x0d\\x0a200\\x20OK"),
        ("/\x1b[31m\x00\x7f", "/\\x1b[31m\\x00\\x7f"),
        ("/ä/€/\U0001f600", "/\\xe4/\\u20ac/\\U0001f600"),
        ("/\ud800", "/\\ud800"),
        ("/a\\x20", "/a\\x5cx20"),
        ("/%0a%20", "/%0a%20"),
        ("/" + "a" * 199, "/" + "a" * 199),
        ("/" + "a" * 200, "/" + "a" * 199 + "..."),
    ],
)
def test_path_is_escaped_and_bounded(text: str, shown: str) -> None:
    assert rejection_line(401, "missing_token", "GET", text) == f"401 missing_token GET {shown}"


@given(st.text(), st.text(), st.text(), st.text())
def test_line_is_visible_ascii_of_bounded_length_whatever_it_names(
    method: str, path: str, client_id: str, token_id: str
) -> None:
    line = rejection_line(401, "expired_token", method, path, client_id, token_id)
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 5000
    assert line.count(" client=") == 1
    assert line.count(" token=") == 1
    assert len(line.split(" ")) == 4 + (method != "") + (path != "")


def test_more_than_twenty_a_second_are_summed_up_at_the_next_rejection(lines: Lines) -> None:
    lines.reject("missing_token", 20)
    lines.reject("expired_token", 130)
    lines.reject("missing_token", 2)
    assert lines() == ["401 missing_token GET /users"] * 20
    lines.clock.advance(1)
    lines.reject("wrong_audience")
    assert lines()[20:] == [
        "and 132 more rejections in the last second: expired_token 130, missing_token 2",
        "401 wrong_audience GET /users",
    ]


def test_sum_says_how_long_ago_it_was_when_traffic_had_stopped(lines: Lines) -> None:
    lines.reject("missing_token", 21)
    lines.clock.advance(3600)
    lines.reject("missing_token")
    assert lines()[20] == "and 1 more rejections in one second, 3600 s ago: missing_token 1"


def test_flush_writes_the_sum_once(lines: Lines) -> None:
    lines.recorder.flush()
    lines.reject("missing_token", 22)
    lines.recorder.flush()
    lines.recorder.flush()
    assert lines()[20:] == ["and 2 more rejections in the last second: missing_token 2"]


def test_limit_starts_anew_each_second_and_when_the_clock_goes_back(lines: Lines) -> None:
    for step in (1, 1, -50):
        lines.reject("missing_token", 20)
        lines.clock.advance(step)
    lines.reject("missing_token", 20)
    assert lines() == ["401 missing_token GET /users"] * 80


def test_disabled_logger_is_asked_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    def unused() -> float:
        raise AssertionError("the clock was read")

    with caplog.at_level(logging.WARNING, LOGGER):
        RejectionLog(unused).write(401, "missing_token", "GET", "/users")
    assert caplog.records == []


@pytest.mark.anyio
async def test_requests_leave_a_line_each(
    make_app: MakeApp, make_guard: MakeGuard, tenant: Tenant, other_key: SigningKey, lines: Lines
) -> None:
    app = make_app(make_guard())
    await call(app, "/users%0A/x", token="no.token.zQ7canary")
    await call(app, "/users\n401 x", token=tenant.token("zQ7canary", exp=NOW - 60))
    await call(app, "/users", token=tenant.token("zQ7canary", exp=NOW - 60, key=other_key))
    token = tenant.token("zQ7canary", sub="zQ7canary")
    await call(app, "/users", token=token, query_string=b"secret=zQ7canary")
    await connect(app, "/feed", token=tenant.token("zQ7canary"))
    await call(app, "/plain", token=tenant.token())
    known = f"client={CLIENT_ID} token={TOKEN_ID}"
    assert lines() == [
        "401 malformed_token GET /users%0A/x",
        f"401 expired_token GET /users\\x0a401\\x20x {known}",
        "401 unknown_key GET /users",
        f"403 insufficient_scope GET /users {known}",
        f"403 insufficient_scope WS /feed {known}",
    ]
