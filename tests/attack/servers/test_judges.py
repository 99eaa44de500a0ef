"""Whoever judges ten thousand answers must himself be known to find fault."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.attack.servers.corpus import Case, Corpus, Fate
from tests.attack.servers.house import INSIDE, PUBLIC
from tests.attack.servers.serving import Server
from tests.attack.servers.tokens import JSON_START, MARK, Tokens
from tests.attack.servers.verdict import differences, holds_token_text, offences
from tests.attack.servers.wire import PROBE, Line, Outcome, Reply, Speech
from tests.mint import SigningKey, Tenant

LET_IN = Reply(200, f"HTTP/1.1 200 OK\r\nx-where: {INSIDE}\r\n\r\n".encode(), b"users")
SEEN_BY_ALL = Reply(200, f"HTTP/1.1 200 OK\r\nx-where: {PUBLIC}\r\n\r\n".encode(), b"public")
REFUSED = Reply(401, b"HTTP/1.1 401 X\r\ncontent-type: application/problem+json\r\n\r\n", b"{}")
BY_SERVER = Reply(400, b"HTTP/1.1 400 X\r\n\r\n", b"Invalid HTTP request received.")
UNTOLD = Reply(401, b"HTTP/1.1 401 X\r\n\r\n", b"")
BROKEN = Reply(500, b"HTTP/1.1 500 X\r\n\r\n", b"Internal Server Error")
TELLTALE = Reply(401, REFUSED.head, f"no such token: {MARK}".encode())


def case(fate: Fate, allowed: int = 0) -> Case:
    return Case("test", Speech((PROBE,)), (fate,), allowed)


def heard(*replies: Reply, kept: bool | None = True) -> Outcome:
    return Outcome(list(replies), kept=kept)


@pytest.mark.parametrize(
    ("fate", "allowed", "guarded", "unguarded"),
    [
        (Fate.REFUSED, 0, heard(REFUSED), heard(LET_IN)),
        (Fate.REFUSED, 0, heard(SEEN_BY_ALL), heard(SEEN_BY_ALL)),
        (Fate.REFUSED, 0, heard(REFUSED), heard(SEEN_BY_ALL)),
        (Fate.REFUSED, 0, heard(BY_SERVER, kept=False), heard(BY_SERVER, kept=False)),
        (Fate.REFUSED, 0, heard(), heard()),
        (Fate.REFUSED, 0, heard(BROKEN), heard(BROKEN)),
        (Fate.ADMITTED, 1, heard(LET_IN), heard(LET_IN)),
        (Fate.OPEN, 1, heard(REFUSED), heard(LET_IN)),
    ],
)
def test_what_is_as_it_should_be_is_not_found_fault_with(
    fate: Fate, allowed: int, guarded: Outcome, unguarded: Outcome
) -> None:
    assert offences(case(fate, allowed), guarded, unguarded) == []
    assert differences(case(fate, allowed), guarded, unguarded) == []


@pytest.mark.parametrize(
    ("guarded", "unguarded", "offence"),
    [
        (heard(LET_IN), heard(LET_IN), "1 requests got in, 0 had a good token"),
        (heard(BROKEN), heard(LET_IN), "the guarded server answered 500"),
        (heard(TELLTALE), heard(LET_IN), "an answer holds text of a token"),
    ],
)
def test_what_may_not_be_seen_even_once_is_an_offence(
    guarded: Outcome, unguarded: Outcome, offence: str
) -> None:
    assert offences(case(Fate.OPEN), guarded, unguarded) == [offence]


@pytest.mark.parametrize(
    ("fate", "guarded", "unguarded", "difference"),
    [
        (
            Fate.ADMITTED,
            heard(REFUSED),
            heard(LET_IN),
            "request 0 has a good token and was answered 401",
        ),
        (
            Fate.REFUSED,
            heard(SEEN_BY_ALL),
            heard(LET_IN),
            "request 0 should be refused and was answered 200",
        ),
        (
            Fate.OPEN,
            heard(UNTOLD),
            heard(LET_IN),
            "the server refused with 401, without a guard it did not",
        ),
        (
            Fate.OPEN,
            heard(REFUSED),
            heard(BY_SERVER),
            "the server refused with 400, with a guard with 401",
        ),
        (Fate.OPEN, heard(), heard(LET_IN), "1 answers without a guard, 0 with it"),
        (
            Fate.OPEN,
            heard(REFUSED, kept=False),
            heard(LET_IN),
            "the guarded server dropped a connection which the unguarded one kept",
        ),
    ],
)
def test_what_the_guard_alone_does_is_a_difference(
    fate: Fate, guarded: Outcome, unguarded: Outcome, difference: str
) -> None:
    assert differences(case(fate, 1), guarded, unguarded) == [difference]


# --- connections ---------------------------------------------------------------------------------

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def answering(*, then_close: bool) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            writer.write(ANSWER)
            if then_close:
                break
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.anyio
@pytest.mark.parametrize("then_close", [False, True])
async def test_connection_that_the_server_drops_without_a_word_is_noticed_by_the_next_request(
    *, then_close: bool
) -> None:
    async with answering(then_close=then_close) as port:
        line = Line(port)
        first = await line.speak(Speech((PROBE,)))
        second = await line.speak(Speech((PROBE,)))
        await line.hang_up()
    assert first.statuses == second.statuses == [200]
    assert first.kept is not then_close


@pytest.mark.anyio
async def test_server_that_never_answers_is_called_silent() -> None:
    async with answering(then_close=False) as port:
        outcome = await Line(port, patience=0.05).speak(Speech((PROBE[:-2],), (b"GET",)))
    assert (outcome.replies, outcome.silent) == ([], True)


# --- logs ----------------------------------------------------------------------------------------

LOG = b"""INFO:     127.0.0.1:46390 - "GET /users HTTP/1.1" 401 Unauthorized
Traceback (most recent call last):
  File "/app.py", line 7, in app
ValueError: 17 is no number
INFO:     connection closed
  + Exception Group Traceback (most recent call last):
  |   File "/app.py", line 9, in app
  | ExceptionGroup: 1 error
[2026-11-23 17:42:29 +0000] 127.0.0.1 - "GET /me HTTP/1.1" 401 0.386
ERROR:    ASGI callable returned without completing handshake.
"""


@pytest.fixture
def server(tmp_path: Path) -> Server:
    log = tmp_path / "server.log"
    log.write_bytes(LOG)
    return Server(0, psutil.Process(os.getpid()), log)


def test_tracebacks_and_complaints_are_found_in_a_log(server: Server) -> None:
    assert server.failures() == {
        b"ValueError: # is no number",
        b"ExceptionGroup: # error",
        b"ERROR:    ASGI callable returned without completing handshake.",
    }


@pytest.mark.parametrize("text", [MARK, f"Bearer {JSON_START}hbGciOi"])
def test_text_of_a_token_is_found(text: str) -> None:
    assert holds_token_text(f"WARNING: refused {text}".encode())
    assert not holds_token_text(LOG)


# --- the supply ----------------------------------------------------------------------------------


def test_same_seed_gives_the_same_cases_and_another_seed_others(
    tenant: Tenant, other_key: SigningKey
) -> None:
    def made(seed: int) -> list[Case]:
        tokens = Tokens(tenant, other_key, random.Random(1))
        return list(Corpus(tokens, random.Random(seed)).cases(200))

    assert made(3) == made(3)
    assert made(3) != made(4)
    assert {case.family for case in made(3)} >= {"authorization", "path", "web socket", "pipeline"}


def test_mutated_token_is_never_a_good_one(tenant: Tenant, other_key: SigningKey) -> None:
    tokens = Tokens(tenant, other_key, random.Random(5))
    assert sum(tokens.count_good(tokens.mutated()) for _ in range(2_000)) == 0
    assert tokens.count_good(b"Bearer " + tokens.good() + b", " + tokens.good()) == 2
