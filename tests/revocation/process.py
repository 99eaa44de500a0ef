"""A process of its own with a list of revocations, which answers questions on its standard input.

``python -m tests.revocation.process URL POLL_EVERY``: for each user on a line, ``revoked`` or
``accepted``, as the next request would be told; ``revoke USER`` revokes.
"""

from __future__ import annotations

import asyncio
import sys
import time

from kinde_guard import RevokedToken
from kinde_guard.revocation import RedisRevocations


async def is_revoked(revocations: RedisRevocations, user: str) -> bool:
    now = time.time()
    snapshot = revocations.snapshot
    if snapshot is None:
        snapshot = await revocations.current()
    try:
        snapshot.check({"iss": "x", "sub": user, "iat": now - 60, "exp": now + 3600})
    except RevokedToken:
        return True
    return False


async def main(url: str, poll_every: float) -> None:
    revocations = RedisRevocations(url, poll_every=poll_every)
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, _, user = line.strip().rpartition(" ")
        if command:
            await revocations.revoke_user(user)
        answer = "revoked" if await is_revoked(revocations, user) else "accepted"
        print(answer, flush=True)
    await revocations.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
