"""The tenant's signing keys, and the tokens that were revoked."""

from __future__ import annotations

from collections.abc import Iterable

from kinde_guard.local.store.database import Database


class SigningKeys(Database):
    """Keys and revoked tokens."""

    def signing_keys(self) -> list[str]:
        """Return the PEM of every published signing key, the newest last."""
        return [row["pem"] for row in self._all("SELECT pem FROM signing_keys ORDER BY position")]

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
        return bool(self._all("SELECT 1 FROM revoked_tokens WHERE jti = ?", (jti,)))
