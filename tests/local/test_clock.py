"""A tenant's clock that is moved and stopped, and what that does to its tokens."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from kinde_guard import ExpiredToken, ImmatureToken, KindeGuard
from kinde_guard.local import Clock, LocalKinde
from tests.local.clients import NOW, ask, verified


class Base:
    now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def base() -> Base:
    return Base()


@pytest.fixture
def clock(base: Base) -> Clock:
    return Clock(base)


@pytest.fixture
def kinde(base: Base) -> Iterator[LocalKinde]:
    with LocalKinde(clock=base) as kinde:
        yield kinde


def test_a_clock_follows_its_base_until_it_is_moved(base: Base, clock: Clock) -> None:
    base.now += 5
    assert (clock(), clock.offset, clock.is_frozen) == (NOW + 5, 0, False)
    clock.advance(60)
    base.now += 1
    assert (clock(), clock.offset) == (NOW + 66, 60)
    clock.advance(-100)
    assert (clock(), clock.offset) == (NOW - 34, -40)


def test_a_frozen_clock_stands_still_where_it_was_or_is_told(base: Base, clock: Clock) -> None:
    clock.advance(60)
    clock.freeze()
    base.now += 10
    assert (clock(), clock.offset, clock.is_frozen) == (NOW + 60, 50, True)
    clock.freeze(1000)
    assert clock() == 1000


def test_a_frozen_clock_can_be_advanced_and_stays_frozen(base: Base, clock: Clock) -> None:
    clock.freeze()
    clock.advance(3600)
    base.now += 10
    assert (clock(), clock.is_frozen) == (NOW + 3600, True)


def test_a_reset_clock_follows_its_base_again(base: Base, clock: Clock) -> None:
    clock.advance(5)
    clock.freeze(1)
    clock.reset()
    base.now += 1
    assert (clock(), clock.offset, clock.is_frozen) == (NOW + 1, 0, False)


def test_without_a_base_it_is_the_wall_clock() -> None:
    assert abs(Clock()() - time.time()) < 5


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -NOW - 1, 10**12])
def test_a_time_that_no_token_can_hold_is_refused_and_nothing_changes(
    clock: Clock, seconds: float
) -> None:
    with pytest.raises(ValueError, match="the years 1970 to 9999"):
        clock.advance(seconds)
    with pytest.raises(ValueError, match="the years 1970 to 9999"):
        clock.freeze(NOW + seconds)
    assert (clock(), clock.offset, clock.is_frozen) == (NOW, 0, False)


def test_tokens_bear_the_time_of_the_moved_clock_however_they_are_made(kinde: LocalKinde) -> None:
    kinde.clock.advance(7200)
    with httpx.Client(base_url=kinde.issuer) as http:
        asked = ask(http, kinde.applications[0]).json()["access_token"]
        for raw in (asked, kinde.token(), kinde.user_token(), kinde.id_token()):
            assert verified(http, raw)["iat"] == NOW + 7200


def test_a_token_is_no_longer_active_once_the_clock_has_passed_its_end(kinde: LocalKinde) -> None:
    raw = kinde.token()

    def active() -> bool:
        answer = httpx.post(
            f"{kinde.issuer}/oauth2/introspect",
            data={"token": raw},
            headers=kinde.authorization(),
        )
        return bool(answer.json()["active"])

    kinde.clock.advance(86_399)
    assert active()
    kinde.clock.advance(1)
    assert not active()
    kinde.clock.reset()
    assert active()


@pytest.mark.anyio
async def test_a_guard_refuses_what_a_moved_clock_mints(kinde: LocalKinde, base: Base) -> None:
    async with KindeGuard(kinde.issuer, audience=kinde.audience, clock=base) as guard:
        kinde.clock.advance(60)
        with pytest.raises(ImmatureToken):
            await guard.verify(kinde.token())
        kinde.clock.freeze(NOW - 86_400 - 60)
        with pytest.raises(ExpiredToken):
            await guard.verify(kinde.token())
        kinde.clock.reset()
        assert (await guard.verify(kinde.token())).is_machine


def test_the_clock_goes_on_through_stop_start_and_end(kinde: LocalKinde) -> None:
    kinde.clock.freeze(NOW + 5)
    kinde.stop()
    kinde.start()
    with httpx.Client(base_url=kinde.issuer) as http:
        assert verified(http, kinde.token())["iat"] == NOW + 5
    kinde.close()
    assert kinde.clock() == NOW + 5


def test_a_clock_that_is_given_is_used_itself() -> None:
    clock = Clock(lambda: NOW)
    assert LocalKinde(clock=clock).clock is clock
