"""A guard in a process that a test stops: one line in, one verdict out.

``python -m tests.attack.frozen.stopped ISSUER`` reads key ids from standard input and verifies that
the issuer has them, each as one request. The event loop runs only while a request is under way, as
on hosts that take the processor away in between, unless the process is stopped in its middle.
"""

from __future__ import annotations

import asyncio
import sys

from kinde_guard import KeysUnavailable, RemoteKeySet, UnknownKey

TIMEOUT = 1.0
MAX_AGE = 1.5


async def verdict(keys: RemoteKeySet, kid: str) -> str:
    try:
        await keys.find(kid)
    except (UnknownKey, KeysUnavailable) as error:
        return error.reason
    return "let in"


def main(issuer: str) -> None:
    url = f"{issuer}/.well-known/jwks"
    keys = RemoteKeySet(url, timeout=TIMEOUT, max_age=MAX_AGE, cooldown=0)
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            sys.stdout.write(f"{runner.run(verdict(keys, line.strip()))}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
