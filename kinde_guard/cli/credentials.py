"""The tenant and the application of a command, read from the environment."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from kinde_guard.cli.errors import WrongUsage
from kinde_guard.client import ClientCredentials
from kinde_guard.vocabulary.errors import ConfigurationError
from kinde_guard.vocabulary.settings import Settings

DOMAIN: Final = ("KINDE_DOMAIN", "KINDE_ISSUER_URL", "KINDE_HOST")
CALLER: Final = ("KINDE_CLIENT_ID", "KINDE_CLIENT_SECRET")
MANAGER: Final = ("KINDE_MANAGEMENT_CLIENT_ID", "KINDE_MANAGEMENT_CLIENT_SECRET")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A tenant and one of its machine applications.

    Attributes:
        issuer: the tenant's exact issuer.
        client_id: the application.
        client_secret: hidden in the repr.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)


def caller(environ: Mapping[str, str]) -> Credentials:
    """Return the application that asks for tokens for an API.

    Raises:
        WrongUsage: a variable is missing, or the domain makes no sense.
    """
    return _credentials(environ, CALLER)


def manager(environ: Mapping[str, str]) -> Credentials:
    """Return the application that manages the tenant: one of its own if there is, or the caller.

    Raises:
        WrongUsage: a variable is missing, or the domain makes no sense.
    """
    own = any(environ.get(name, "").strip() for name in MANAGER)
    return _credentials(environ, MANAGER if own else CALLER)


def audiences(environ: Mapping[str, str], given: str | None, *, option: str) -> list[str]:
    """Return the audience that an option gives, or else those of KINDE_AUDIENCE.

    Raises:
        WrongUsage: neither is there.
    """
    names = environ.get("KINDE_AUDIENCE", "").split() if given is None else [given.strip()]
    if not any(names):
        raise WrongUsage(f"no API is named: give {option} AUDIENCE, or set KINDE_AUDIENCE")
    return names


def client_credentials(
    credentials: Credentials, audience: str | Sequence[str], scopes: Sequence[str] | None
) -> ClientCredentials:
    """Return what asks for the application's tokens.

    Raises:
        WrongUsage: a value makes no sense.
    """
    # The message that ends the command contains what is logged.
    logging.getLogger("kinde_guard.client").addHandler(logging.NullHandler())
    try:
        return ClientCredentials(
            credentials.issuer,
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            audience=audience,
            scopes=scopes,
        )
    except ConfigurationError as error:
        raise WrongUsage(str(error)) from error


def tenant_issuer(environ: Mapping[str, str]) -> str:
    """Return the exact issuer of the environment.

    Raises:
        WrongUsage: the variable is missing, or the domain makes no sense.
    """
    domain = next((value for name in DOMAIN if (value := environ.get(name, "").strip())), "")
    if not domain:
        raise WrongUsage("KINDE_DOMAIN not set: name the tenant")
    return _issuer(domain)


def _issuer(domain: str) -> str:
    try:
        return Settings(domain=domain, audience=None).issuer
    except ConfigurationError as error:
        raise WrongUsage(str(error).replace("domain:", "KINDE_DOMAIN:", 1)) from error


def _credentials(environ: Mapping[str, str], names: tuple[str, str]) -> Credentials:
    domain = next((value for name in DOMAIN if (value := environ.get(name, "").strip())), "")
    values = {"KINDE_DOMAIN": domain} | {name: environ.get(name, "").strip() for name in names}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise WrongUsage(f"{', '.join(missing)} not set: name the tenant and a machine application")
    return Credentials(_issuer(domain), *(values[name] for name in names))
