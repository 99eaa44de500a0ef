"""Pools of tokens for wrk: a file each, one ``GROUP TOKEN`` a line."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks.load.api import AUDIENCE, ISSUER, SCOPE
from tests.mint import FrozenClock, SigningKey, Tenant, compact

SEEN: Final = 50
ROTATING: Final = 20
FLOOD: Final = 1_000
UNSEEN: Final = 9_000
"""More than twice the cache, so that no token is still in it when its turn comes again."""

KEYS: Final = 6


def signing_keys() -> list[SigningKey]:
    """Make the tenant's keys, with key ids of Kinde's form."""
    return [SigningKey.rsa(":".join([f"{number:02x}", *["5a"] * 15])) for number in range(KEYS)]


@dataclass(frozen=True)
class Pools:
    """The files, by what the tokens in them are.

    Attributes:
        seen: a few good tokens, which the guard knows after the first requests.
        unseen: so many good tokens that the guard has forgotten each when it comes again.
        rotating: a few good tokens of every key, each group signed with the key of its second.
        forged: good tokens with other signatures.
        unknown: tokens whose key id no key has.
    """

    seen: Path
    unseen: Path
    rotating: Path
    forged: Path
    unknown: Path


def write_pools(folder: Path, keys: Sequence[SigningKey], *, unseen: int = UNSEEN) -> Pools:
    """Mint all tokens and write them into a folder."""
    tenants = [Tenant(key, FrozenClock(int(time.time())), ISSUER, AUDIENCE) for key in keys]
    first = tenants[0]
    return Pools(
        seen=_write(folder / "seen", [_good(first, SEEN)]),
        unseen=_write(folder / "unseen", [_good(first, unseen)]),
        rotating=_write(folder / "rotating", [_good(tenant, ROTATING) for tenant in tenants]),
        forged=_write(folder / "forged", [_forged(first, FLOOD)]),
        unknown=_write(folder / "unknown", [_unknown(first, FLOOD)]),
    )


def first_token(pool: Path) -> str:
    """Return the first token of a pool."""
    return pool.read_text().split(maxsplit=2)[1]


def _good(tenant: Tenant, count: int) -> Iterator[str]:
    for number in range(count):
        yield tenant.token(SCOPE, jti=_token_id(number))


def _forged(tenant: Tenant, count: int) -> Iterator[str]:
    for number in range(count):
        claims = tenant.claims(SCOPE, jti=_token_id(number))
        yield compact(tenant.header(), claims, sign=lambda _: _signature())


def _unknown(tenant: Tenant, count: int) -> Iterator[str]:
    for number in range(count):
        kid = ":".join([*[f"{byte:02x}" for byte in number.to_bytes(4)], *["ff"] * 12])
        yield compact(tenant.header(kid=kid), tenant.claims(SCOPE), sign=lambda _: _signature())


def _token_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def _signature() -> bytes:
    # The leading zero keeps the number below the modulus: a larger one is refused without the
    # computation, and would make a forgery cheaper than it is.
    return b"\0" + os.urandom(255)


def _write(path: Path, groups: Iterable[Iterable[str]]) -> Path:
    lines = [f"{number} {token}\n" for number, group in enumerate(groups) for token in group]
    path.write_text("".join(lines))
    return path
