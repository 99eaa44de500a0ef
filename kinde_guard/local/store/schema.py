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
VERSION: Final = 3
"""The version of the schema, kept as SQLite's ``user_version``."""
MANAGEMENT_WORD: Final = "management"
"""What stands in the row of the Management API instead of its audience."""

_VERSION_2: Final = """
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

_VERSION_3: Final = """
ALTER TABLE applications ADD COLUMN token_customization TEXT NOT NULL DEFAULT '{}';
CREATE TABLE member_roles (
    org_code TEXT NOT NULL,
    user_id  TEXT NOT NULL,
    role_id  TEXT NOT NULL REFERENCES roles ON DELETE CASCADE,
    PRIMARY KEY (org_code, user_id, role_id),
    FOREIGN KEY (org_code, user_id) REFERENCES members ON DELETE CASCADE
);
CREATE TABLE member_permissions (
    org_code      TEXT NOT NULL,
    user_id       TEXT NOT NULL,
    permission_id TEXT NOT NULL REFERENCES permissions ON DELETE CASCADE,
    PRIMARY KEY (org_code, user_id, permission_id),
    FOREIGN KEY (org_code, user_id) REFERENCES members ON DELETE CASCADE
);
CREATE TABLE member_scopes (
    org_code TEXT NOT NULL,
    user_id  TEXT NOT NULL,
    scope_id TEXT NOT NULL REFERENCES api_scopes ON DELETE CASCADE,
    PRIMARY KEY (org_code, user_id, scope_id),
    FOREIGN KEY (org_code, user_id) REFERENCES members ON DELETE CASCADE
);
CREATE TABLE feature_flags (
    key         TEXT PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 64),
    id          TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 256),
    description TEXT NOT NULL DEFAULT '',
    type        TEXT NOT NULL CHECK (type IN ('bool', 'int', 'str')),
    value       TEXT NOT NULL
);
CREATE TABLE organization_flags (
    org_code TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    key      TEXT NOT NULL REFERENCES feature_flags ON DELETE CASCADE,
    value    TEXT NOT NULL,
    PRIMARY KEY (org_code, key)
);
CREATE TABLE user_flags (
    user_id TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    key     TEXT NOT NULL REFERENCES feature_flags ON DELETE CASCADE,
    value   TEXT NOT NULL,
    PRIMARY KEY (user_id, key)
);
CREATE TABLE sign_ins (
    id           TEXT PRIMARY KEY,
    client_id    TEXT NOT NULL REFERENCES applications ON DELETE CASCADE,
    user_id      TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    org_code     TEXT REFERENCES organizations ON DELETE CASCADE,
    audience     TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    nonce        TEXT,
    auth_time    INTEGER NOT NULL,
    session_id   TEXT NOT NULL,
    access_token TEXT
);
CREATE INDEX sign_ins_by_session ON sign_ins (session_id);
CREATE TABLE authorization_codes (
    digest         TEXT PRIMARY KEY,
    sign_in_id     TEXT NOT NULL REFERENCES sign_ins ON DELETE CASCADE,
    redirect_uri   TEXT NOT NULL,
    code_challenge TEXT,
    expires_at     REAL NOT NULL,
    is_used        INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE refresh_tokens (
    digest      TEXT PRIMARY KEY,
    sign_in_id  TEXT NOT NULL REFERENCES sign_ins ON DELETE CASCADE,
    expires_at  REAL NOT NULL,
    replaced_at REAL
);
CREATE TABLE issued_tokens (
    jti        TEXT PRIMARY KEY,
    sign_in_id TEXT NOT NULL REFERENCES sign_ins ON DELETE CASCADE,
    expires_at REAL NOT NULL
);
"""
"""People in roles, feature flags, and what a person's sign-in gave."""

UPGRADES: Final = {0: _VERSION_2, 2: _VERSION_3}
"""What turns an older version into the next; 0 is an empty database."""


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
    version = _version(connection, database)
    while version in UPGRADES:
        for statement in UPGRADES[version].split(";"):
            connection.execute(statement)
        version = min((later for later in UPGRADES if later > version), default=VERSION)
    connection.execute(f"PRAGMA application_id = {MARK}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _version(connection: sqlite3.Connection, database: str) -> int:
    """Return the version of the schema, 0 for an empty database."""
    if not _number(connection, "SELECT count(*) FROM sqlite_master"):
        return 0
    version = _number(connection, "PRAGMA user_version")
    is_ours = _number(connection, "PRAGMA application_id") == MARK
    if not is_ours or version not in {*UPGRADES, VERSION} - {0}:
        raise StoreError(
            f"The file {database!r} was not made by this version of local Kinde."
            " Name a file that does not exist yet."
        )
    return version


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
