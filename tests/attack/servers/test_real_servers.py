"""Ten thousand odd requests through four real servers, and the same ones without a guard.

The long form (``KINDE_GUARD_NIGHTLY=1``) sends 100,000 to each; ``KINDE_GUARD_SEED`` chooses other
ones than those of the short form.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from rich.progress import Progress

from tests.attack.servers.campaign import Campaign, shuffled
from tests.attack.servers.corpus import Case, Corpus, request
from tests.attack.servers.serving import SERVERS, serving
from tests.attack.servers.tokens import MARK, Tokens
from tests.attack.servers.verdict import holds_token_text
from tests.attack.servers.wire import Line, Speech
from tests.mint import FrozenClock, LoopbackKeyServer, SigningKey, Tenant

#: The ``jti`` of a token whose signature is good, which a line of the log may end with.
TOKEN_ID = re.compile(rb" token=" + MARK.encode() + rb"(-user)?(-\d+)?$")
SEED = int(os.environ.get("KINDE_GUARD_SEED", "6"))
Campaigns = dict[str, Campaign]


@pytest.fixture(scope="module")
def campaigns(
    nightly: bool,
    key: SigningKey,
    other_key: SigningKey,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Campaigns]:
    """Run all campaigns at one time; the servers live on for the tests."""
    number = 100_000 if nightly else 2_500
    keys = LoopbackKeyServer()
    keys.publish(key)
    tenant = Tenant(key, FrozenClock(time.time()), issuer=keys.issuer)
    logs = tmp_path_factory.mktemp("logs")
    with ExitStack() as stack:
        stack.enter_context(keys.running())
        running = {name: _pair(stack, name, logs, keys.issuer) for name in SERVERS}
        for campaign in running.values():
            campaign.guarded.await_start()
            campaign.unguarded.await_start()
        supplies = {}
        for name in running:
            chance = shuffled(SEED, name)
            supplies[name] = Corpus(Tokens(tenant, other_key, chance), chance).cases(number)
        with Progress(disable=not nightly) as progress:
            asyncio.run(_run_all(running, supplies, number, progress))
        yield running


async def _run_all(
    campaigns: Campaigns, supplies: dict[str, Iterator[Case]], number: int, progress: Progress
) -> None:
    await asyncio.gather(
        *(
            campaign.run(supplies[name], number, _bar(progress, name, number))
            for name, campaign in campaigns.items()
        )
    )


def _bar(progress: Progress, name: str, number: int) -> Callable[[], None]:
    task = progress.add_task(name, total=number)
    return lambda: progress.advance(task)


def _pair(stack: ExitStack, name: str, logs: Path, issuer: str) -> Campaign:
    return Campaign(
        guarded=stack.enter_context(serving(name, logs / f"{name}.log", HOUSE_ISSUER=issuer)),
        unguarded=stack.enter_context(serving(name, logs / f"{name}-unguarded.log")),
    )


@pytest.fixture(params=list(SERVERS))
def campaign(request: pytest.FixtureRequest, campaigns: Campaigns) -> Campaign:
    found: Campaign = campaigns[request.param]
    return found


def test_nobody_gets_in_and_nothing_is_lost_that_the_unguarded_server_gives(
    campaign: Campaign,
) -> None:
    findings = "\n".join(str(finding) for finding in campaign.findings[:5])
    assert not campaign.findings, f"{len(campaign.findings)} findings, the first:\n{findings}"


def test_every_kind_of_answer_was_seen(campaign: Campaign) -> None:
    """Otherwise something else than the guard has been attacked."""
    print(campaign.done, "cases:", campaign.answers)
    assert campaign.answers["guard"] > campaign.done * 0.5
    assert campaign.answers["application"] > campaign.done * 0.1
    assert campaign.answers["server"] > campaign.done * 0.02


def test_log_holds_no_text_of_a_token(campaign: Campaign) -> None:
    lines = campaign.guarded.lines()
    assert len(lines) > campaign.done * 0.5
    shown = [TOKEN_ID.sub(b"", line) for line in lines]
    assert [line for line in shown if holds_token_text(line)] == []


def test_log_tells_of_no_failure_that_the_unguarded_server_does_not_have(
    campaign: Campaign,
) -> None:
    assert campaign.guarded.failures() - campaign.unguarded.failures() == set()


def test_memory_grows_less_than_5_percent_after_the_warm_up_beside_the_unguarded_server(
    campaign: Campaign,
) -> None:
    """Servers grow a little by themselves from connections that end badly, with any application."""
    (warm, other_warm), (end, other_end) = campaign.memory
    print(f"{warm / 2**20:.1f} MiB, then {end / 2**20:.1f}", campaign.memory)
    growth, other_growth = end - warm, other_end - other_warm
    assert growth - max(other_growth, 0) < warm * 0.05


def test_no_connection_is_left_over(campaign: Campaign) -> None:
    """Hypercorn never closes some that clients left halfway, whatever the application is."""

    def left_over() -> int:
        others = campaign.unguarded.sockets
        left = campaign.guarded.sockets
        return 0 if others and left <= 2 * others + 5 else left

    deadline = time.monotonic() + 30
    while left_over() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_over() == 0


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["uvicorn-h11", "uvicorn-httptools"])
async def test_refusal_of_a_body_that_is_still_coming_arrives_and_uvicorn_keeps_the_connection(
    name: str, campaigns: Campaigns
) -> None:
    body = b"x" * 1_000_000
    head = request(b"POST", b"/users", b"Authorization: Bearer expired", length=len(body))
    line = Line(campaigns[name].guarded.port, 30)
    outcome = await line.speak(
        Speech((head, body[:1], body[1:500_000], body[500_000:]), (b"POST",))
    )
    await line.probe(outcome)
    await line.hang_up()
    assert str(outcome) == "[401 guard] kept"
