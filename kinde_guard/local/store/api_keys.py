"""API keys: opaque secrets for one API, of which only a digest is kept."""

from __future__ import annotations

import hashlib
import secrets
import string
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from kinde_guard.local.store.database import Database, Row
from kinde_guard.local.store.errors import NotThere

KeyType = Literal["user", "organization", "environment"]
KeyStatus = Literal["active", "inactive", "revoked"]

PREFIX: Final = "k_live_"
RANDOM_LENGTH: Final = 40
SHOWN: Final = 4
"""How many characters of a key's end are kept, so that a person can tell keys apart."""
_ALPHABET: Final = string.ascii_letters + string.digits

_ADD: Final = """
INSERT INTO api_keys (
    id, name, type, api_id, digest, prefix, suffix, user_id, org_code, created_on, created_by
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SCOPES: Final = """
SELECT key FROM api_scopes JOIN api_key_scopes ON scope_id = id
WHERE key_id = ? ORDER BY api_key_scopes.rowid
"""
_VERIFIED: Final = """
UPDATE api_keys SET
    verification_count = verification_count + 1, last_verified_on = ?, last_verified_ip = ?
WHERE digest = ? RETURNING *
"""


@dataclass(frozen=True)
class ApiKey:
    """An API key, without its secret."""

    id: str
    name: str
    type: KeyType
    status: KeyStatus
    api_id: str
    prefix: str
    suffix: str
    user_id: str | None
    org_code: str | None
    created_on: float
    """Seconds since the epoch."""
    created_by: str
    last_verified_on: float | None
    last_verified_ip: str | None
    verification_count: int
    scopes: tuple[str, ...]


class ApiKeys(Database):
    """The API keys of a tenant."""

    def api_keys(self) -> list[ApiKey]:
        """Return all keys, in the order in which they were added."""
        with self.reading():
            found = self._all("SELECT * FROM api_keys ORDER BY rowid")
            return [self._api_key(row) for row in found]

    def api_key(self, key_id: str) -> ApiKey | None:
        """Return the key of that id, if there is one."""
        with self.reading():
            found = self._all("SELECT * FROM api_keys WHERE id = ?", (key_id,))
            return self._api_key(found[0]) if found else None

    def add_api_key(
        self,
        name: str,
        api_id: str,
        *,
        type: KeyType,  # noqa: A002 - Kinde's name for it
        scope_ids: Sequence[str] = (),
        user_id: str | None = None,
        org_code: str | None = None,
        created_by: str = "",
        now: float | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key and return it with its secret, which cannot be read again.

        Raises:
            NotThere: there is no such API, user or organization, or the API has no such scope.
        """
        key_id, secret = f"api_key_{uuid.uuid4().hex}", _new_secret()
        made = time.time() if now is None else now
        parts = (_digest(secret), PREFIX, secret[-SHOWN:], user_id, org_code, made, created_by)
        with self.transaction() as rows:
            rows.execute(_ADD, (key_id, name, type, api_id, *parts))
            for scope_id in dict.fromkeys(scope_ids):
                rows.execute(
                    "INSERT INTO api_key_scopes VALUES (?, ?, ?)", (key_id, api_id, scope_id)
                )
            return self._existing(key_id), secret

    def rotate_api_key(self, key_id: str) -> tuple[ApiKey, str]:
        """Give a key a new secret and return both; the former one is worth nothing any more.

        Raises:
            NotThere: there is no such key.
        """
        secret = _new_secret()
        with self.transaction():
            query = "UPDATE api_keys SET digest = ?, suffix = ? WHERE id = ?"
            self._write_one(query, (_digest(secret), secret[-SHOWN:], key_id))
            return self._existing(key_id), secret

    def delete_api_key(self, key_id: str) -> None:
        """Remove a key.

        Raises:
            NotThere: there is no such key.
        """
        self._write_one("DELETE FROM api_keys WHERE id = ?", (key_id,))

    def verify_api_key(self, secret: str, *, now: float, ip: str) -> ApiKey | None:
        """Return the key that has this secret, and count that it was verified.

        Args:
            secret: what a caller presents.
            now: seconds since the epoch.
            ip: the address of the one who asks.
        """
        with self.transaction():
            found = self._all(_VERIFIED, (now, ip, _digest(secret)))
            return self._api_key(found[0]) if found else None

    def _existing(self, key_id: str) -> ApiKey:
        key = self.api_key(key_id)
        if key is None:
            raise NotThere("there is no such key")
        return key

    def _api_key(self, row: Row) -> ApiKey:
        scopes = tuple(found["key"] for found in self._all(_SCOPES, (row["id"],)))
        fields = {name: value for name, value in row.items() if name != "digest"}
        return ApiKey(**fields, scopes=scopes)


def _new_secret() -> str:
    return PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_LENGTH))


def _digest(secret: str) -> str:
    # The secret is as random as a key: a plain digest cannot be searched.
    return hashlib.sha256(secret.encode()).hexdigest()
