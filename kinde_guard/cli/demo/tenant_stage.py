"""The stage with a real tenant: the users API on loopback trusts it, and nothing is disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import httpx

from kinde_guard import ConfigurationError, GuardError, KeysUnavailable, KindeGuard
from kinde_guard.cli.demo import wire
from kinde_guard.cli.demo.example import IN_MEMORY, users_api
from kinde_guard.cli.demo.local_stage import API_PORT
from kinde_guard.cli.demo.stage import Application, Stage
from kinde_guard.cli.errors import Finding, WrongUsage
from kinde_guard.cli.network import check_network_settings
from kinde_guard.cli.serving import served

VARIABLES = ("KINDE_DOMAIN", "KINDE_CLIENT_ID", "KINDE_CLIENT_SECRET", "KINDE_AUDIENCE")


@contextmanager
def tenant_stage(environ: Mapping[str, str], progress: Callable[[str], None]) -> Iterator[Stage]:
    """Start the users API for the tenant that the environment names, and give the stage.

    Parameters:
        environ: the environment.
        progress: is told what is being done.

    Raises:
        WrongUsage: a variable is missing or makes no sense.
        Finding: the tenant has no key set, or gives this application no token of use.
        Unreachable: the tenant does not answer.
        StartError: the API does not start.
    """
    check_network_settings(environ)
    guard, application = _configured(environ)
    with ExitStack() as running:
        progress(f"fetching the keys of {guard.issuer}")
        _check_keys(guard)
        progress("starting the users API")
        api = running.enter_context(served(users_api().create_app(guard, IN_MEMORY), port=API_PORT))
        client = running.enter_context(httpx.Client(timeout=wire.TIMEOUT))
        stage = Stage(issuer=guard.issuer, api=api, application=application, client=client)
        progress("asking for a token")
        _check_token(stage, guard)
        yield stage


def _configured(environ: Mapping[str, str]) -> tuple[KindeGuard, Application]:
    missing = [name for name in VARIABLES if not environ.get(name, "").strip()]
    if missing:
        raise WrongUsage(
            f"--tenant needs {', '.join(missing)}: set all of {', '.join(VARIABLES)}, or leave"
            " --tenant out to use local Kinde"
        )
    domain, client_id, client_secret, audience = (environ[name].strip() for name in VARIABLES)
    audiences = tuple(audience.split())
    try:
        guard = KindeGuard(domain, audience=audiences, public_paths=users_api().PUBLIC_PATHS)
    except ConfigurationError as error:
        raise WrongUsage(str(error)) from error
    return guard, Application(client_id, client_secret, audiences)


def _check_keys(guard: KindeGuard) -> None:
    try:
        asyncio.run(guard.warm())
    except KeysUnavailable as error:
        raise Finding(
            f"no key set at {guard.issuer}/.well-known/jwks; is KINDE_DOMAIN right?"
        ) from error


def _check_token(stage: Stage, guard: KindeGuard) -> None:
    """Make sure that the application gets a token that the API takes: all else builds on it."""
    endpoint = f"{stage.issuer}/oauth2/token"
    answer = stage.grant()
    token = answer.document.get("access_token")
    if answer.status != 200 or not isinstance(token, str):
        says = answer.document.get("error_description") or "no description"
        code = answer.reason or "no error code"
        raise Finding(f"{endpoint} gives no token: {answer.status}, {code} ({says})")
    try:
        asyncio.run(guard.verify(token))
    except GuardError as error:
        raise Finding(f"the token that {endpoint} gives is refused: {error.reason}") from error
