"""A list of revocations in one Redis hash, kept equal to what this process knows.

A field is the entry of one subject; the field ``generation`` is another random value after every
write, so a poll that finds it and the number of fields unchanged need not read the entries. What
Redis lacks and this process knows is written again: a Redis that was flushed, replaced or could not
be written to is repaired by every process that is alive.

Used by one thread at a time; blocks.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from kinde_guard.revocation.entries import (
    Entry,
    Subject,
    combine,
    decode,
    encode,
    field_name,
)
from kinde_guard.revocation.revocation_list import RevocationList
from kinde_guard.vocabulary.errors import ConfigurationError
from kinde_guard.vocabulary.urls import wrong_url

logger = logging.getLogger("kinde_guard.revocation")

GENERATION = b"generation"

_TRIES = 30

# redis-py knows no names of their own for Valkey, which speaks the same protocol.
_SCHEMES = {
    "redis": "redis",
    "rediss": "rediss",
    "unix": "unix",
    "valkey": "redis",
    "valkeys": "rediss",
}


class RedisStore:
    """The hash that holds the revocations.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; ``valkey://`` and ``valkeys://`` as well.
        key: the name of the hash.
        timeout: seconds for connecting, and for each answer.

    Raises:
        ConfigurationError: it is no such URL, or the extra ``redis`` is not installed.

    Source: Redis, "Transactions" (optimistic locking with WATCH).
    """

    def __init__(self, url: str, key: str, timeout: float) -> None:
        self._redis = _library()
        self._key = key
        self._client = self._connect(url, timeout)
        self._seen: tuple[bytes | None, int] | None = None
        self._first_to_leave: Entry | None = None
        self._told: set[str] = set()

    def _connect(self, url: str, timeout: float) -> Any:  # noqa: ANN401 - redis-py, if installed
        expected = "a redis://, rediss:// or unix:// URL"
        scheme, separator, rest = url.partition("://") if isinstance(url, str) else ("", "", "")
        if scheme not in _SCHEMES or not separator:
            raise wrong_url("url", url, expected)
        try:
            return self._redis.Redis.from_url(
                f"{_SCHEMES[scheme]}://{rest}",
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                # A failed poll is followed by the next one; waiting in between would delay it.
                retry=self._redis.retry.Retry(self._redis.backoff.NoBackoff(), 0),
                decode_responses=False,
            )
        except (ValueError, TypeError):
            raise wrong_url("url", url, expected) from None

    def read(self, known: RevocationList) -> None:
        """Bring a list up to date, and write again what Redis lacks of it.

        Raises:
            redis.RedisError: it could not be read.
        """
        self._with_reconnect(lambda: self._read(known))

    def write(self, known: RevocationList, subjects: Collection[Subject]) -> None:
        """Write the entries of some subjects.

        Raises:
            redis.RedisError: they could not be written. The next reading tries again.
        """
        try:
            self._with_reconnect(lambda: self._write(known, subjects))
        except Exception:
            self._seen = None
            raise

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _with_reconnect(self, operation: Any) -> None:  # noqa: ANN401 - a function
        # The connection may have been idle while Redis was started anew.
        try:
            operation()
        except self._redis.ConnectionError:
            operation()

    def _read(self, known: RevocationList) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            pipe.hget(self._key, GENERATION)
            pipe.hlen(self._key)
            generation, size = pipe.execute()
        leaving = self._first_to_leave
        if (generation, size) == self._seen and not (leaving and known.is_old(leaving)):
            return
        self._seen = None
        self._synchronize(known)

    def _synchronize(self, known: RevocationList) -> None:
        for _ in range(_TRIES):
            with self._client.pipeline() as pipe:
                pipe.watch(self._key)
                stored: dict[bytes, bytes] = pipe.hgetall(self._key)
                generation = stored.get(GENERATION)
                entries = self._decoded(stored)
                known.learn(entries.items())
                lacking = {
                    about: entry
                    for about, entry in known.entries.items()
                    if not known.is_old(entry) and _is_newer(entry, entries.get(about))
                }
                old = [field_name(about) for about, entry in entries.items() if known.is_old(entry)]
                if not lacking and not old:
                    self._seen = (generation, len(stored))
                    self._first_to_leave = min(
                        entries.values(), key=lambda entry: entry.kept_from, default=None
                    )
                    return
                try:
                    self._store(pipe, lacking, old)
                except self._redis.WatchError:
                    continue
                except self._redis.RedisError as error:
                    # What is in Redis was read all the same.
                    self._tell("revocations could not be written to Redis again", error)
                return

    def _write(self, known: RevocationList, subjects: Collection[Subject]) -> None:
        fields = {field_name(about): about for about in subjects}
        for number in range(_TRIES + 1):
            with self._client.pipeline() as pipe:
                if number < _TRIES:
                    pipe.watch(self._key)
                # The last try does not watch: what it overwrites is written again by the process
                # that knows it.
                values = (pipe if number < _TRIES else self._client).hmget(self._key, list(fields))
                stored = {
                    field: value for field, value in zip(fields, values, strict=True) if value
                }
                entries = self._decoded(stored)
                known.learn(entries.items())
                changed = {
                    about: entry
                    for about in subjects
                    if (entry := known.get(about)) and _is_newer(entry, entries.get(about))
                }
                try:
                    self._store(pipe, changed, [])
                except self._redis.WatchError:
                    continue
                return

    def _store(
        self,
        pipe: Any,  # noqa: ANN401 - redis-py, if installed
        entries: Mapping[Subject, Entry],
        old: list[bytes],
    ) -> None:
        if not entries and not old:
            return
        pipe.multi()
        if old:
            pipe.hdel(self._key, *old)
        written = {field_name(about): encode(entry) for about, entry in entries.items()}
        pipe.hset(self._key, mapping={**written, GENERATION: secrets.token_hex(8)})
        pipe.execute()

    def _decoded(self, stored: Mapping[bytes, bytes]) -> dict[Subject, Entry]:
        entries: dict[Subject, Entry] = {}
        for field, value in stored.items():
            entry = decode(field, value)
            if entry is not None:
                entries[entry[0]] = entry[1]
            elif field != GENERATION:
                self._tell("a field of the revocations in Redis is no entry and is ignored", None)
        return entries

    def _tell(self, message: str, error: Exception | None) -> None:
        # Once: it would be the same line at each poll.
        if message not in self._told:
            self._told.add(message)
            logger.warning("%s%s", message, f" ({type(error).__name__})" if error else "")

    def __repr__(self) -> str:
        return f"<RedisStore of the hash {self._key}>"


def _is_newer(entry: Entry, stored: Entry | None) -> bool:
    return stored is None or combine(stored, entry) is not stored


def _library() -> Any:  # noqa: ANN401 - redis-py, if installed
    try:
        import redis  # noqa: PLC0415 - an extra
        import redis.backoff  # noqa: PLC0415
        import redis.retry  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "RedisRevocations: redis-py is missing; install kinde-guard with the extra 'redis'"
        ) from None
    return redis
