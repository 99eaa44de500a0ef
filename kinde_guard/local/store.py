"""The state of a local tenant, in SQLite: in memory, or in a file that outlives the process.

Applications, APIs and their scopes, which application may ask for which API, and which of that
API's scopes it was granted; besides, the signing keys and the tokens that were revoked. Every
rule that rows must keep stands in the schema, so no later caller can break it.

Calls block for the time of one small indexed query. They are safe from any thread: one connection,
behind one lock. Asynchronous code calls them in a worker thread.
"""

from __future__ import annotations

import secrets
import sqlite3
import string
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, Final, Literal, NamedTuple, Self

from kinde_guard.local.claims import ACCESS_TOKEN_LIFETIME

ApplicationType = Literal["m2m", "reg", "spa", "device"]
"""Kinde's codes: machine to machine, back-end web, front-end and mobile, device."""

SECRET_LENGTH: Final = 52
SECRET_ALPHABET: Final = string.ascii_letters + string.digits

MARK: Final = 0x4B494E44
"""SQLite's ``application_id`` of our files ("KIND"), so that no other file is written into."""
VERSION: Final = 1
"""The version of the schema, kept as SQLite's ``user_version``."""

SCHEMA: Final = f"""
CREATE TABLE applications (
    client_id      TEXT PRIMARY KEY,
    name           TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    type           TEXT NOT NULL CHECK (type IN ('m2m', 'reg', 'spa', 'device')),
    client_secret  TEXT NOT NULL,
    org_code       TEXT,
    token_lifetime INTEGER NOT NULL CHECK (token_lifetime > 0)
);
CREATE TABLE apis (
    id                TEXT PRIMARY KEY,
    name              TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    audience          TEXT NOT NULL UNIQUE CHECK (length(audience) BETWEEN 1 AND 64),
    is_management_api INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE api_scopes (
    id          TEXT PRIMARY KEY,
    api_id      TEXT NOT NULL REFERENCES apis ON DELETE CASCADE,
    key         TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 64),
    description TEXT NOT NULL DEFAULT '',
    UNIQUE (api_id, key),
    UNIQUE (api_id, id)
);
CREATE TABLE authorised_applications (
    client_id TEXT NOT NULL REFERENCES applications ON DELETE CASCADE,
    api_id    TEXT NOT NULL REFERENCES apis ON DELETE CASCADE,
    PRIMARY KEY (client_id, api_id)
);
CREATE TABLE granted_scopes (
    client_id TEXT NOT NULL,
    api_id    TEXT NOT NULL,
    scope_id  TEXT NOT NULL,
    PRIMARY KEY (client_id, api_id, scope_id),
    FOREIGN KEY (client_id, api_id) REFERENCES authorised_applications ON DELETE CASCADE,
    FOREIGN KEY (api_id, scope_id) REFERENCES api_scopes (api_id, id) ON DELETE CASCADE
);
CREATE INDEX granted_by_scope ON granted_scopes (api_id, scope_id);
CREATE TABLE signing_keys (
    position INTEGER PRIMARY KEY,
    pem      TEXT NOT NULL
);
CREATE TABLE revoked_tokens (
    jti        TEXT PRIMARY KEY,
    expires_at REAL NOT NULL
);
PRAGMA application_id = {MARK};
PRAGMA user_version = {VERSION};
"""

GRANTED: Final = """
SELECT apis.audience, api_scopes.key
FROM authorised_applications AS authorised
JOIN apis ON apis.id = authorised.api_id
LEFT JOIN granted_scopes AS granted
    ON granted.client_id = authorised.client_id AND granted.api_id = authorised.api_id
LEFT JOIN api_scopes ON api_scopes.id = granted.scope_id
WHERE authorised.client_id = ?
ORDER BY authorised.rowid, api_scopes.rowid
"""


class StoreError(ValueError):
    """The database that was asked for cannot serve as local Kinde's."""


class Access(NamedTuple):
    """An API that an application may ask for, and the scopes it was granted there."""

    audience: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Application:
    """An application of the tenant. Its id and its client id are one, as at Kinde."""

    name: str
    client_id: str
    client_secret: str = field(repr=False)
    type: ApplicationType
    org_code: str | None
    token_lifetime: int
    """Seconds that its access tokens live."""
    apis: tuple[Access, ...]


class Store:
    """A tenant's rows. ``Store()`` lives in memory; ``Store("kinde.db")`` in a file.

    Raises:
        StoreError: the file cannot be opened, or is not one of local Kinde's.

    Example:
        >>> with Store() as store:
        ...     store.add_application("Nightly job").name
        'Nightly job'
    """

    def __init__(self, database: str | Path = ":memory:") -> None:
        self._lock = RLock()
        self._connection = _connect(str(database))
        self.is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; one in memory is gone."""
        with self._lock:
            self._connection.close()
            self.is_closed = True

    # Reading

    @property
    def is_new(self) -> bool:
        """Whether there is neither an application nor an API."""
        with self._reading() as rows:
            query = "SELECT EXISTS (SELECT 1 FROM applications) OR EXISTS (SELECT 1 FROM apis)"
            return not rows.execute(query).fetchone()[0]

    def application(self, client_id: str) -> Application | None:
        """Return the application of that id, if there is one."""
        with self._reading() as rows:
            row = rows.execute(
                "SELECT * FROM applications WHERE client_id = ?", (client_id,)
            ).fetchone()
            return None if row is None else _application(rows, row)

    def applications(self) -> list[Application]:
        """Return all applications, in the order in which they were added."""
        with self._reading() as rows:
            found = rows.execute("SELECT * FROM applications ORDER BY rowid").fetchall()
            return [_application(rows, row) for row in found]

    # Writing

    def add_application(
        self,
        name: str,
        *,
        type: ApplicationType = "m2m",  # noqa: A002 - Kinde's name for it
        org_code: str | None = None,
    ) -> Application:
        """Register an application with a new client id and secret."""
        client_id = uuid.uuid4().hex
        secret = "".join(secrets.choice(SECRET_ALPHABET) for _ in range(SECRET_LENGTH))
        row = (client_id, name, type, secret, org_code, ACCESS_TOKEN_LIFETIME)
        with self.transaction() as rows:
            rows.execute("INSERT INTO applications VALUES (?, ?, ?, ?, ?, ?)", row)
            return _application(rows, row)

    def add_api(self, name: str, audience: str, *, is_management_api: bool = False) -> str:
        """Register an API and return its id. An audience is unique within the tenant."""
        api_id = uuid.uuid4().hex
        with self.transaction() as rows:
            rows.execute(
                "INSERT INTO apis VALUES (?, ?, ?, ?)", (api_id, name, audience, is_management_api)
            )
        return api_id

    def add_scope(self, api_id: str, key: str, description: str = "") -> str:
        """Add a scope to an API and return the scope's id."""
        scope_id = f"api_scope_{uuid.uuid4().hex}"
        with self.transaction() as rows:
            rows.execute(
                "INSERT INTO api_scopes VALUES (?, ?, ?, ?)", (scope_id, api_id, key, description)
            )
        return scope_id

    def authorise(self, client_id: str, api_id: str) -> None:
        """Let an application ask for an API; it holds none of its scopes yet."""
        with self.transaction() as rows:
            rows.execute(
                "INSERT OR IGNORE INTO authorised_applications VALUES (?, ?)", (client_id, api_id)
            )

    def grant(self, client_id: str, api_id: str, scope_id: str) -> None:
        """Grant an authorised application one scope of that API."""
        with self.transaction() as rows:
            rows.execute(
                "INSERT OR IGNORE INTO granted_scopes VALUES (?, ?, ?)",
                (client_id, api_id, scope_id),
            )

    # Keys and revoked tokens

    def signing_keys(self) -> list[str]:
        """Return the PEM of every published signing key, the newest last."""
        with self._reading() as rows:
            return [
                pem for (pem,) in rows.execute("SELECT pem FROM signing_keys ORDER BY position")
            ]

    def replace_signing_keys(self, pems: Iterable[str]) -> None:
        """Publish these keys and no others; the last one signs."""
        with self.transaction() as rows:
            rows.execute("DELETE FROM signing_keys")
            rows.executemany("INSERT INTO signing_keys (pem) VALUES (?)", [(pem,) for pem in pems])

    def revoke(self, jti: str, *, expires_at: float, now: float) -> None:
        """Remember a token as revoked until it expires anyway."""
        with self.transaction() as rows:
            rows.execute("DELETE FROM revoked_tokens WHERE expires_at <= ?", (now,))
            rows.execute("INSERT OR IGNORE INTO revoked_tokens VALUES (?, ?)", (jti, expires_at))

    def is_revoked(self, jti: str) -> bool:
        """Tell whether the token of that id was revoked."""
        with self._reading() as rows:
            query = "SELECT EXISTS (SELECT 1 FROM revoked_tokens WHERE jti = ?)"
            return bool(rows.execute(query, (jti,)).fetchone()[0])

    # Transactions

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Make what is written inside one step: all of it, or nothing. May be nested."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._connection


def _connect(database: str) -> sqlite3.Connection:
    try:
        if database != ":memory:":
            # The file holds secrets and private keys: nobody else is to read it.
            Path(database).touch(mode=0o600)
        connection = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"The database {database!r} cannot be opened: {error}.") from error
    try:
        _prepare(connection, database)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, database: str) -> None:
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        mark, version, tables = (
            connection.execute(query).fetchone()[0]
            for query in (
                "PRAGMA application_id",
                "PRAGMA user_version",
                "SELECT count(*) FROM sqlite_master",
            )
        )
        if not tables:
            connection.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        elif (mark, version) != (MARK, VERSION):
            raise StoreError(
                f"The file {database!r} was not made by this version of local Kinde."
                " Name a file that does not exist yet."
            )
    except sqlite3.Error as error:
        raise StoreError(f"The file {database!r} is not a usable database: {error}.") from error


def _application(rows: sqlite3.Connection, row: tuple[Any, ...]) -> Application:
    client_id, name, kind, client_secret, org_code, token_lifetime = row
    scopes: dict[str, list[str]] = {}
    for audience, key in rows.execute(GRANTED, (client_id,)):
        scopes.setdefault(audience, []).extend([key] if key is not None else [])
    apis = tuple(Access(audience, tuple(keys)) for audience, keys in scopes.items())
    return Application(name, client_id, client_secret, kind, org_code, token_lifetime, apis)
