"""The tables of a tenant, and how a database becomes one of ours.

Every rule that rows must keep stands here, so no later caller can break it. The audience of the
Management API is not kept: it follows the address at which the tenant is served, and two processes
that share a file serve two addresses.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from kinde_guard.local.store.errors import StoreError

MARK: Final = 0x4B494E44
"""SQLite's ``application_id`` of our files ("KIND"), so that no other file is written into."""
VERSION: Final = 2
"""The version of the schema, kept as SQLite's ``user_version``."""
MANAGEMENT_WORD: Final = "management"
"""What stands in the row of the Management API instead of its audience."""

TABLES: Final = """
CREATE TABLE organizations (
    code        TEXT PRIMARY KEY,
    name        TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 256),
    handle      TEXT UNIQUE,
    external_id TEXT,
    is_default  INTEGER NOT NULL,
    created_on  REAL NOT NULL
);
CREATE TABLE applications (
    client_id                  TEXT PRIMARY KEY,
    name                       TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    type                       TEXT NOT NULL CHECK (type IN ('m2m', 'reg', 'spa', 'device')),
    client_secret              TEXT NOT NULL,
    org_code                   TEXT,
    token_lifetime             INTEGER NOT NULL CHECK (token_lifetime > 0),
    refresh_token_lifetime     INTEGER NOT NULL CHECK (refresh_token_lifetime > 0),
    id_token_lifetime          INTEGER NOT NULL CHECK (id_token_lifetime > 0),
    session_lifetime           INTEGER NOT NULL CHECK (session_lifetime > 0),
    is_hasura_mapping_enabled  INTEGER NOT NULL DEFAULT 0,
    language_key               TEXT NOT NULL DEFAULT 'en',
    login_uri                  TEXT NOT NULL DEFAULT '',
    homepage_uri               TEXT NOT NULL DEFAULT '',
    logout_uris                TEXT NOT NULL DEFAULT '[]',
    redirect_uris              TEXT NOT NULL DEFAULT '[]'
);
CREATE TABLE apis (
    id                TEXT PRIMARY KEY,
    name              TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    audience          TEXT NOT NULL CHECK (length(audience) BETWEEN 1 AND 64),
    is_management_api INTEGER NOT NULL DEFAULT 0,
    UNIQUE (audience, is_management_api)
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
CREATE TABLE users (
    id           TEXT PRIMARY KEY,
    email        TEXT UNIQUE,
    username     TEXT UNIQUE,
    phone        TEXT UNIQUE,
    first_name   TEXT,
    last_name    TEXT,
    provided_id  TEXT,
    picture      TEXT,
    is_suspended INTEGER NOT NULL DEFAULT 0,
    created_on   REAL NOT NULL
);
CREATE TABLE members (
    org_code TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    user_id  TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    PRIMARY KEY (org_code, user_id)
);
CREATE TABLE roles (
    id          TEXT PRIMARY KEY,
    key         TEXT NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 64),
    name        TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 256),
    description TEXT NOT NULL DEFAULT '',
    is_default  INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE permissions (
    id          TEXT PRIMARY KEY,
    key         TEXT NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 64),
    name        TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 256),
    description TEXT NOT NULL DEFAULT ''
);
CREATE TABLE role_permissions (
    role_id       TEXT NOT NULL REFERENCES roles ON DELETE CASCADE,
    permission_id TEXT NOT NULL REFERENCES permissions ON DELETE CASCADE,
    PRIMARY KEY (role_id, permission_id)
);
CREATE TABLE role_scopes (
    role_id  TEXT NOT NULL REFERENCES roles ON DELETE CASCADE,
    scope_id TEXT NOT NULL REFERENCES api_scopes ON DELETE CASCADE,
    PRIMARY KEY (role_id, scope_id)
);
CREATE TABLE api_keys (
    id                 TEXT PRIMARY KEY,
    name               TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    type               TEXT NOT NULL CHECK (type IN ('user', 'organization', 'environment')),
    status             TEXT NOT NULL DEFAULT 'active'
        CHECK (status IN ('active', 'inactive', 'revoked')),
    api_id             TEXT NOT NULL REFERENCES apis ON DELETE CASCADE,
    digest             TEXT NOT NULL UNIQUE,
    prefix             TEXT NOT NULL,
    suffix             TEXT NOT NULL,
    user_id            TEXT REFERENCES users ON DELETE CASCADE,
    org_code           TEXT REFERENCES organizations ON DELETE CASCADE,
    created_on         REAL NOT NULL,
    created_by         TEXT NOT NULL,
    last_verified_on   REAL,
    last_verified_ip   TEXT,
    verification_count INTEGER NOT NULL DEFAULT 0,
    UNIQUE (id, api_id)
);
CREATE TABLE api_key_scopes (
    key_id   TEXT NOT NULL,
    api_id   TEXT NOT NULL,
    scope_id TEXT NOT NULL,
    PRIMARY KEY (key_id, scope_id),
    FOREIGN KEY (key_id, api_id) REFERENCES api_keys (id, api_id) ON DELETE CASCADE,
    FOREIGN KEY (api_id, scope_id) REFERENCES api_scopes (api_id, id) ON DELETE CASCADE
);
CREATE TABLE signing_keys (
    position INTEGER PRIMARY KEY,
    pem      TEXT NOT NULL
);
CREATE TABLE revoked_tokens (
    jti        TEXT PRIMARY KEY,
    expires_at REAL NOT NULL
);
"""


def prepare(connection: sqlite3.Connection, database: str) -> None:
    """Make the tables in an empty database; check that any other is one of ours.

    Raises:
        StoreError: it is not; it was left as it was.
        sqlite3.Error: it is no database, or is in use.
    """
    # The question and the answer in one step: another process may open the same new file.
    connection.execute("BEGIN IMMEDIATE")
    try:
        _make_or_check(connection, database)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _make_or_check(connection: sqlite3.Connection, database: str) -> None:
    if not _number(connection, "SELECT count(*) FROM sqlite_master"):
        for statement in TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {MARK}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        return
    mark = _number(connection, "PRAGMA application_id")
    version = _number(connection, "PRAGMA user_version")
    if (mark, version) != (MARK, VERSION):
        raise StoreError(
            f"The file {database!r} was not made by this version of local Kinde."
            " Name a file that does not exist yet."
        )


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
