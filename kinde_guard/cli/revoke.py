"""``kinde-guard revoke``: revocations in Redis, for every guard that reads them there."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit

from kinde_guard.cli.errors import Finding, WrongUsage
from kinde_guard.cli.plain_text import printable

VARIABLE: Final = "KINDE_REVOCATIONS_URL"
SCHEMES: Final = ("redis", "rediss", "unix", "valkey", "valkeys")
EXTRA: Final = "redis-py is not installed: install kinde-guard with its extra redis"


class Subject(StrEnum):
    """What is revoked."""

    USER = "user"
    ORGANIZATION = "organization"
    CLIENT = "client"
    TOKEN = "token"  # noqa: S105 - no password


def run_revoke(
    environ: Mapping[str, str], subject: Subject, name: str, *, url: str | None, restore: bool
) -> None:
    """Revoke, or restore, one subject.

    Args:
        environ: the environment.
        subject: the kind of subject.
        name: its id: ``sub``, ``org_code``, the client id or ``jti``.
        url: where Redis is, None for that of the environment.
        restore: take a revocation back.

    Raises:
        WrongUsage: the id is empty, no Redis is named, or its extra is not installed.
        Finding: Redis cannot be reached.
    """
    if not name.strip():
        raise WrongUsage(f"the id of the {subject} is empty")
    where = redis_url(environ, url)
    if where is None:
        raise WrongUsage(f"no Redis is named: give --redis URL, or set {VARIABLE}")
    # The message that ends the command contains what is logged.
    logging.getLogger("kinde_guard").addHandler(logging.NullHandler())
    try:
        asyncio.run(_change(where, subject, name.strip(), restore=restore))
    except ValueError as error:
        raise WrongUsage(without_password(str(error), where)) from error
    except ConnectionError as error:
        # What the library says of other processes does not hold for a command that ends here.
        cause = error.__cause__ or error
        reason = without_password(f"{type(cause).__name__}: {cause}", where)
        raise Finding(f"Redis at {shown(where)} did not take it ({reason})") from error
    verb = "restored" if restore else "revoked"
    sys.stdout.write(f"{verb} {subject} {printable(name.strip())}\n")


def redis_url(environ: Mapping[str, str], given: str | None) -> str | None:
    """Return the URL of an option, or else of the environment; None where there is none.

    Raises:
        WrongUsage: it is no URL of Redis.
    """
    source = VARIABLE if given is None else "--redis"
    url = (environ.get(VARIABLE, "") if given is None else given).strip()
    if not url:
        return None
    if urlsplit(url).scheme not in SCHEMES:
        # Not shown: it may hold a password.
        raise WrongUsage(f"{source}: it must be a URL such as redis://127.0.0.1:6379/0")
    return url


def revocations_at(url: str) -> Any:  # noqa: ANN401 - imported only where it is needed
    """Return the revocations that are kept in Redis.

    Raises:
        WrongUsage: redis-py is not installed.
    """
    if find_spec("redis") is None:
        raise WrongUsage(EXTRA)
    return import_module("kinde_guard.revocation").RedisRevocations(url)


def shown(url: str) -> str:
    """Return a URL without user and password.

    Example:
        >>> shown("redis://:secret@127.0.0.1:6379/0")
        'redis://127.0.0.1:6379/0'
    """
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


async def _change(url: str, subject: Subject, name: str, *, restore: bool) -> None:
    revocations = revocations_at(url)
    methods: Mapping[tuple[Subject, bool], Any] = {
        (Subject.USER, False): revocations.revoke_user,
        (Subject.ORGANIZATION, False): revocations.revoke_organization,
        (Subject.CLIENT, False): revocations.revoke_client,
        (Subject.TOKEN, False): revocations.revoke_token,
        (Subject.USER, True): revocations.restore_user,
        (Subject.ORGANIZATION, True): revocations.restore_organization,
        (Subject.CLIENT, True): revocations.restore_client,
        (Subject.TOKEN, True): revocations.restore_token,
    }
    try:
        await methods[subject, restore](name)
    finally:
        await revocations.aclose()


def without_password(message: str, url: str) -> str:
    """Return a message without the password of a URL."""
    password = urlsplit(url).password
    message = message.replace(url, shown(url))
    return message.replace(password, "***") if password else message
