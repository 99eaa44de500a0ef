"""One SQLite database behind one lock: transactions, consistent reads, copies.

Calls block for the time of a few small indexed queries. They are safe from any thread, and from
several processes on one file: writers wait for each other, readers do not wait (SQLite's
write-ahead log). What a transaction has committed outlives a crash of the process.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Final, Self

from kinde_guard.local.store.errors import NotThere, StoreError, sorted_out
from kinde_guard.local.store.schema import prepare

BUSY_TIMEOUT: Final = 10.0
"""Seconds that a writer waits for another process's transaction."""

BUSY_PAUSE: Final = 0.01
"""Seconds between two tries to open a file that others are opening or closing."""

Row = dict[str, Any]


class Database:
    """The connection that all parts of a store share."""

    def __init__(
        self,
        database: str | Path = ":memory:",
        *,
        management_audiences: Sequence[str] = ("management",),
    ) -> None:
        self.management_audience = management_audiences[0]
        self._management_audiences = frozenset(management_audiences)
        self._lock = RLock()
        self._connection = _connect(str(database))
        self.is_closed = False
        self._is_reading = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; one in memory is gone."""
        with self._lock:
            self._connection.close()
            self.is_closed = True

    @property
    def is_new(self) -> bool:
        """Whether there is neither an application nor an API."""
        with self.reading() as rows:
            query = "SELECT EXISTS (SELECT 1 FROM applications) OR EXISTS (SELECT 1 FROM apis)"
            return not rows.execute(query).fetchone()[0]

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Make what is written inside one step: all of it, or nothing. May be nested.

        Raises:
            RowRefused: a row would break a rule of the schema; which one, the subclass tells.
        """
        with self._lock:
            if self._is_reading:
                # It would be undone at the end of the reading, without a word.
                raise RuntimeError("nothing may be changed inside reading(); use transaction()")
            if self._connection.in_transaction:
                yield self._connection
                return
            try:
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    yield self._connection
            except sqlite3.IntegrityError as error:
                raise sorted_out(error) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """See one state of the database, however many queries are made inside."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN DEFERRED")
            self._is_reading = True
            try:
                yield self._connection
            finally:
                self._is_reading = False
                self._connection.execute("ROLLBACK")

    def snapshot(self) -> bytes:
        """Return a copy of everything, for ``restore``."""
        with self._lock, closing(sqlite3.connect(":memory:")) as copy:
            self._connection.backup(copy)
            content = bytearray(copy.serialize())
        # A copy in memory cannot have the write-ahead log that these two bytes of a file's header
        # ask for (SQLite, "Database File Format", 1.3.3).
        content[18:20] = b"\x01\x01"
        return bytes(content)

    def restore(self, snapshot: bytes) -> None:
        """Become what was copied, signing keys included."""
        with self._lock, closing(sqlite3.connect(":memory:")) as copy:
            copy.deserialize(snapshot)
            copy.backup(self._connection)

    # For the parts of the store

    def _all(self, query: str, values: Mapping[str, object] | tuple[object, ...] = ()) -> list[Row]:
        """Return what a query finds, each row with its column names."""
        with self.reading() as rows:
            cursor = rows.execute(query, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def _write(self, query: str, values: Mapping[str, object] | tuple[object, ...]) -> int:
        """Change rows and return how many."""
        with self.transaction() as rows:
            return rows.execute(query, values).rowcount

    def _write_one(self, query: str, values: Mapping[str, object] | tuple[object, ...]) -> None:
        """Change the row that the query names.

        Raises:
            NotThere: there is no such row.
        """
        if not self._write(query, values):
            raise NotThere("there is no such row")


def _connect(database: str) -> sqlite3.Connection:
    in_file = database != ":memory:"
    try:
        if in_file:
            # The file holds secrets and private keys: no other user is to read it.
            Path(database).touch(mode=0o600)
        connection = sqlite3.connect(
            database, timeout=BUSY_TIMEOUT, check_same_thread=False, isolation_level=None
        )
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"The database {database!r} cannot be opened: {error}.") from error
    try:
        _set_up(connection, database, in_file=in_file)
        if in_file:
            _keep_private(database)
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_private(database: str) -> None:
    """Make the files readable by their owner alone, whatever their mode was before."""
    try:
        for suffix in ("", "-wal", "-shm"):
            file = Path(f"{database}{suffix}")
            if file.exists():
                file.chmod(0o600)
    except OSError as error:
        raise StoreError(
            f"The file {database!r} holds secrets, and cannot be kept from others: {error}."
        ) from error


def _set_up(connection: sqlite3.Connection, database: str, *, in_file: bool) -> None:
    """Make a connection ready, waiting for others that open or close the same file.

    SQLite's own waiting does not cover the change to a write-ahead log: that fails at once.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            prepare(connection, database)
            connection.execute("PRAGMA foreign_keys = ON")
            if in_file:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise StoreError(
                    f"The file {database!r} is not a usable database: {error}."
                ) from error
            time.sleep(BUSY_PAUSE)
        else:
            return


def _is_busy(error: sqlite3.Error) -> bool:
    # The low byte is the kind; what stands above it tells why.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
