"""The stage without a tenant: local Kinde, whose keys can be lost, found and changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx

from kinde_guard import KindeGuard
from kinde_guard.cli.demo import wire
from kinde_guard.cli.demo.example import IN_MEMORY, users_api
from kinde_guard.cli.demo.scenarios import Api, Event, Token
from kinde_guard.cli.demo.stage import Application, Stage
from kinde_guard.cli.serving import local_kinde, served
from kinde_guard.local import Application as LocalApplication
from kinde_guard.local import LocalKinde

KINDE_PORT = 8787
API_PORT = 8000

READY_WITHIN = 5.0
"""Seconds in which an API must notice that the keys are back."""
READY_POLL = 0.05


@contextmanager
def local_stage(progress: Callable[[str], None]) -> Iterator[Stage]:
    """Start local Kinde and the users API, and give the stage; end both afterwards.

    Parameters:
        progress: is told what is being started.

    Raises:
        StartError: something does not start.
    """
    with ExitStack() as running:
        progress("starting local Kinde")
        kinde = running.enter_context(local_kinde(port=KINDE_PORT))
        progress("starting the users API")
        # Keys are rotated within seconds here, so an unknown key may cause a fetch at any time.
        api = _start_api(running, kinde, port=API_PORT, jwks_cooldown=0)
        client = running.enter_context(httpx.Client(trust_env=False, timeout=wire.TIMEOUT))
        # The first two of the seed: one holds every scope, the other may only read.
        main, limited = (_application(kinde, known) for known in kinde.applications[:2])
        stage = Stage(issuer=kinde.issuer, api=api, application=main, client=client)
        stage.limited = limited
        _add_tokens(stage, kinde)
        _add_events(stage, kinde, running, client)
        yield stage


def _start_api(running: ExitStack, kinde: LocalKinde, *, port: int = 0, **settings: float) -> str:
    example = users_api()
    guard = KindeGuard(
        kinde.issuer,
        audience=kinde.audience,
        public_paths=example.PUBLIC_PATHS,
        **settings,  # type: ignore[arg-type]
    )
    return running.enter_context(served(example.create_app(guard, IN_MEMORY), port=port))


def _application(kinde: LocalKinde, application: LocalApplication) -> Application:
    return Application(application.client_id, application.client_secret, (kinde.audience,))


def _add_tokens(stage: Stage, kinde: LocalKinde) -> None:
    stage.tokens |= {
        Token.EXPIRED: lambda: kinde.token(expires_in=-60),
        Token.FORGED: kinde.forged_token,
        Token.AUDIENCE: lambda: kinde.token(audience="https://billing.demo.example"),
        Token.NEW_KEY: kinde.token,
        # The one that was asked for at the beginning, before the keys were rotated.
        Token.OLD_KEY: stage.tokens[Token.ALL],
    }


def _add_events(stage: Stage, kinde: LocalKinde, running: ExitStack, client: httpx.Client) -> None:
    def lose_keys() -> None:
        kinde.fail("status", status=500)

    def start_late() -> None:
        lose_keys()
        # With keys that are due for a refresh at once, the tour needs no long wait for that.
        stage.apis[Api.LATE] = _start_api(running, kinde, jwks_max_age=0.05)

    def find_keys() -> None:
        kinde.recover()
        _wait_until_ready(client, stage.apis[Api.LATE])

    def rotate() -> None:
        kinde.recover()
        kinde.rotate_keys()

    stage.events |= {
        Event.KEYS_DOWN_COLD: start_late,
        Event.KEYS_BACK: find_keys,
        Event.KEYS_DOWN_WARM: lose_keys,
        Event.KEYS_ROTATED: rotate,
    }


def _wait_until_ready(client: httpx.Client, api: str) -> None:
    """Do as a load balancer does: ask until the API is ready, which also makes it look for keys."""
    deadline = time.monotonic() + READY_WITHIN
    while wire.call(client, "GET", f"{api}/ready").status != 200 and time.monotonic() < deadline:
        time.sleep(READY_POLL)
