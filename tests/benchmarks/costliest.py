"""What the costliest refused token of 16 KiB costs, as a multiple of a forged one of 900 bytes.

    python -m tests.benchmarks.costliest                 some ten seconds

Each token is refused by a guard whose keys are in hand; none reaches the network. The tokens are
measured by turns, and of each the fastest of all turns counts, so a busy machine changes little.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from kinde_guard import GuardError, KindeGuard
from tests.mint import (
    AUDIENCE,
    DOMAIN,
    FrozenClock,
    KeyServer,
    SigningKey,
    Tenant,
    b64url,
    compact,
    sealed,
)

LIMIT = 16_384
OTHER_ISSUER = "https://account.acme.example"

FILLINGS: dict[str, Callable[[int], str]] = {
    "nested pairs": lambda size: _list("[[{}]]", size),
    "objects": lambda size: _list("{}", size),
    "arrays": lambda size: _list("[]", size),
    "open brackets": lambda size: "[" * size,
    "deep and closed": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "integers": lambda size: _list("1", size),
    "floats": lambda size: _list("1e1", size),
    "long integer": lambda size: "1" * size,
    "integers of 4,299 digits": lambda size: _list("9" * 4_299, size),
    "integers of 499 digits": lambda size: _list("9" * 499, size),
    "long fraction": lambda size: "0." + "1" * (size - 2),
    "members": lambda size: "{" + _joined((f'"{n}":1' for n in range(size)), size - 2) + "}",
    "strings": lambda size: _list('""', size),
    "escapes": lambda size: '"' + "\\u0041" * ((size - 2) // 6) + '"',
    "surrogate pairs": lambda size: '"' + "\\ud83d\\ude00" * ((size - 2) // 12) + '"',
    "escaped quotes": lambda size: '"' + '\\"' * ((size - 2) // 2) + '"',
    "open string": lambda size: '"' + "[" * (size - 1),
    "white space": lambda size: " " * (size - 1) + "1",
    "issuer members": lambda size: _list('"iss"', size).replace(",", ":"),
    "emoji": lambda size: '["\\n' + "\U0001f600" * ((size - 6) // 4) + '"]',
}


def _joined(items: Iterator[str], size: int) -> str:
    taken, used = [], 0
    for item in items:
        used += len(item) + 1
        if used > size:
            break
        taken.append(item)
    return ",".join(taken)


def _list(item: str, size: int) -> str:
    count = max(1, (size - 2) // (len(item) + 1))
    return "[" + ",".join([item] * count) + "]"


def forged(tenant: Tenant) -> str:
    """Return a token of 900 bytes or so whose signature is another key's."""
    forger = SigningKey.rsa(tenant.key.kid)
    return tenant.token("read:users", "create:users", key=forger, note="x" * 60)


def costly_tokens(tenant: Tenant) -> Iterator[tuple[str, str]]:
    """Yield names and tokens, none of which may be accepted."""
    forger = replace(SigningKey.rsa("forger"), kid=tenant.key.kid)
    kid = tenant.key.kid
    rooms = {"whole": (LIMIT - 700) * 3 // 4, "half": 5_900}
    for name, filling in FILLINGS.items():
        for share, room in rooms.items():
            for place, token in _placed(filling(room), kid, forger):
                yield f"{name}, {share} {place}", token
    usual = tenant.token(key=forger)
    yield "dots", "." * LIMIT
    yield "long header segment", "A" * (LIMIT - len(usual)) + usual
    yield "long signature", usual + "A" * (LIMIT - len(usual))
    for name in ("kid", "alg", "typ"):
        yield f"long {name}", tenant.token(key=forger, header={name: "J" * rooms["whole"]})
    yield "no base64", usual[:-1] + "!" * (LIMIT - len(usual))


def _placed(text: str, kid: str, forger: SigningKey) -> Iterator[tuple[str, str]]:
    head = f'"alg":"RS256","kid":"{kid}","typ":"JWT"'
    yield "forged payload", compact(f"{{{head}}}", f'{{"x":{text}}}', forger)
    spare = '"x":"' + "x" * (LIMIT * 3 // 4 - 700 - len(text)) + '"'
    yield "header and long payload", compact(f'{{{head},"x":{text}}}', f"{{{spare}}}", forger)
    yield (
        "payload of an unknown key",
        compact(f"{{{head.replace(kid, 'unknown')}}}", f'{{"x":{text}}}', forger),
    )
    yield "payload without algorithm", compact('{"alg":"none"}', f'{{"x":{text}}}')
    yield "header", compact(f'{{{head},"x":{text}}}', "{}", forger)
    yield "header alone", sealed(b64url(text.encode()), b64url(b"{}"), forger)


async def _cost(guard: KindeGuard, token: str, turns: int) -> float:
    began = time.perf_counter()
    for _ in range(turns):
        try:
            await guard.verify(token)
        except GuardError:
            continue
        raise RuntimeError("a token that had to be refused was accepted")
    return (time.perf_counter() - began) / turns


async def measure(issuers: tuple[str, ...], rounds: int) -> list[tuple[float, str]]:
    """Return multiples of a forged token's cost with the names of the tokens, costliest first."""
    tenant = Tenant(SigningKey.rsa("4c:fa:9e:d6"))
    server = KeyServer(tenant.key)
    server.publish(SigningKey.rsa("of another tenant"), url=f"{OTHER_ISSUER}/.well-known/jwks")
    still = FrozenClock()
    guard = KindeGuard(
        DOMAIN,
        audience=AUDIENCE,
        issuers=issuers,
        clock=still,
        monotonic=still,
        jwks_cooldown=3600,
        http_client=server.client(),
    )
    await guard.warm()
    tokens = {"forged": forged(tenant), **dict(costly_tokens(tenant))}
    best = dict.fromkeys(tokens, float("inf"))
    for _ in range(rounds):
        for name, token in tokens.items():
            best[name] = min(best[name], await _cost(guard, token, turns=3))
    base = best.pop("forged")
    return sorted(((cost / base, name) for name, cost in best.items()), reverse=True)


def main() -> int:
    """Print the costliest tokens, for a guard of one issuer and one of two."""
    parser = argparse.ArgumentParser(prog="costliest", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=30, help="turns of each token")
    parser.add_argument("--show", type=int, default=8, help="tokens to list")
    options = parser.parse_args()
    for title, issuers in (("one issuer", ()), ("two issuers", (OTHER_ISSUER,))):
        ratios = asyncio.run(measure(issuers, options.rounds))
        print(f"{title}: {ratios[0][0]:.1f} times a forged token")
        for ratio, name in ratios[: options.show]:
            print(f"  {ratio:5.1f}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
