"""Revocations: stop tokens, users, organizations and applications before their tokens expire."""

from kinde_guard.revocation.memory import MemoryRevocations
from kinde_guard.revocation.redis import RedisRevocations, RevocationWriteError

__all__ = ["MemoryRevocations", "RedisRevocations", "RevocationWriteError"]
